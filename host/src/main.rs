//! The `patchboard` binary: everything is in the library, starting at [`patchboard_server::cli`].

use mimalloc::MiMalloc;

// A request needs dozens of short-lived allocations and a fresh instance a hundred,
// some of kilobytes: measured against glibc's, this takes 8 to 10 % off the CPU time of
// the latter and of `wasi:http` calls.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    patchboard_server::cli::main()
}
