//! Writes to a key-value file without end, as fast as it is let, and says each key on
//! standard output once its write was acknowledged. `key_value_conformance.rs` kills it
//! while it does.
//!
//! Arguments: the folder, and what the names of the keys begin with.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use patchboard_key_value::{BackendConfig, BucketConfig, Error, Limits, Stores};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Tasks that write at the same time, and so share syncs.
const TASKS: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let (folder, prefix) = (next(), next());
    let config = BucketConfig {
        name: "default".to_owned(),
        backend: BackendConfig::File,
        shared: false,
        limits: Limits::default(),
        timeout: Duration::from_secs(60),
    };
    let permits = Arc::new(Semaphore::new(TASKS));
    let bucket = Arc::new(Stores::new(Path::new(&folder)).bucket("writer", &config, &permits));
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (bucket, prefix) = (bucket.clone(), prefix.clone());
        tasks.spawn(async move {
            for number in (task..).step_by(TASKS) {
                let key = format!("{prefix}-{number}");
                bucket.set(key.clone(), format!("value of {key}").into()).await?;
                // One write of the whole line, so that none is cut in two by the end.
                if std::io::stdout().write_all(format!("{key}\n").as_bytes()).is_err() {
                    // Who has started it is gone.
                    break;
                }
            }
            Ok(())
        });
    }
    tasks.join_all().await.into_iter().collect()
}
