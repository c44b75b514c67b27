//! The `patchboard` binary: everything is in the library, starting at [`patchboard_server::cli`].

#[global_allocator]
static ALLOCATOR: patchboard_allocator::Allocator = patchboard_allocator::Allocator;

fn main() -> std::process::ExitCode {
    patchboard_server::cli::main()
}
