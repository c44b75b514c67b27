//! Components with random changes, the same at each run: the corpus has those of each kind
//! that were thought of.

use fastrand::Rng;
use patchboard_fuzz::component;

const RECIPES: u64 = 2000;
const GUESTS: [&str; 4] = ["hello", "p2-hello", "p3-hello", "raw"];
const CHANGES: [&str; 7] = ["drop", "repeat", "swap", "set", "cut", "byte", "end"];

#[test]
fn no_random_change_takes_the_host_down() {
    for seed in 0..RECIPES {
        let recipe = recipe(&mut Rng::with_seed(seed));
        eprintln!("recipe {seed}:\n{recipe}");
        component::run(recipe.as_bytes());
    }
}

/// One guest in eight keeps its code, which takes its time to compile.
fn recipe(rng: &mut Rng) -> String {
    let mut recipe = GUESTS[rng.usize(..GUESTS.len())].to_owned();
    if rng.u8(..8) > 0 {
        recipe.push_str("\nhollow");
    }
    for _ in 0..rng.u8(1..4) {
        let change = CHANGES[rng.usize(..CHANGES.len())];
        recipe.push_str(&format!("\n{change} {} {} {}", rng.u16(..), rng.u16(..), rng.u8(..)));
    }
    recipe
}
