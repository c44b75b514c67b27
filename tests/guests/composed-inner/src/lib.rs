//! What others are composed with: it says what the host tells it of the call, answers, and
//! goes on: `logs` after a while, `lasts` for a minute, `traps`, `spins`, or `exits`.

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        unused_qualifications,
        clippy::allow_attributes_without_reason,
        reason = "generated"
    )]

    wit_bindgen::generate!({
        path: "../../../wit",
        inline: r"
            package patchboard:tests;

            interface work {
                run: async func(id: string, after: string) -> string;
            }

            world inner {
                import patchboard:handler/routing@0.2.0;
                import wasi:clocks/monotonic-clock@0.3.0;
                import wasi:logging/logging@0.1.0-draft;
                export work;
            }
        ",
        generate_all,
    });
}

/// The export itself, generated.
#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Inner, bindings};

    bindings::export!(Inner with_types_in bindings);
}

use bindings::patchboard::handler::routing;
use bindings::wasi::clocks0_3_0::monotonic_clock;
use bindings::wasi::logging::logging::{Level, log};

struct Inner;

/// Milliseconds, as the clock has them.
const fn ms(milliseconds: u64) -> u64 {
    milliseconds * 1_000_000
}

/// Logs whose call the host says this is, and gives it.
fn says(when: &str, id: &str) -> String {
    let route = routing::current_route().map(|route| route.parameters);
    let path = route.and_then(|parameters| parameters.into_iter().next()).map(|(_, path)| path);
    let path = path.unwrap_or_else(|| "nobody".to_owned());
    log(Level::Info, "", &format!("{when}={id} is {path}."));
    path
}

impl bindings::exports::patchboard::tests::work::Guest for Inner {
    async fn run(id: String, after: String) -> String {
        // Others begin and end meanwhile.
        let uneven = ms(id.bytes().map(u64::from).sum::<u64>() % 7);
        monotonic_clock::wait_for(uneven).await;
        let path = says("before", &id);
        wit_bindgen::spawn_local(async move {
            match &*after {
                "logs" => {
                    for _ in 0..3 {
                        monotonic_clock::wait_for(ms(5) + uneven).await;
                        says("after", &id);
                    }
                }
                "lasts" => monotonic_clock::wait_for(ms(60_000)).await,
                "traps" => {
                    monotonic_clock::wait_for(ms(20)).await;
                    panic!("this panic is asked for");
                }
                "exits" => {
                    monotonic_clock::wait_for(ms(20)).await;
                    std::process::exit(0);
                }
                "spins" => {
                    monotonic_clock::wait_for(ms(20)).await;
                    loop {
                        std::hint::spin_loop();
                    }
                }
                _ => {}
            }
        });
        path
    }
}
