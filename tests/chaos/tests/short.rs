//! Half a minute of chaos, by a schedule that is another at each run.

use patchboard_chaos::{Options, run};

#[test]
fn nothing_is_wrong_lost_or_kept() {
    if let Err(wrong) = run(&Options::default()) {
        panic!("{wrong}");
    }
}
