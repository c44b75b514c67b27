//! The `patchboard` binary: everything is in the library, starting at [`patchboard_host::cli`].

fn main() -> std::process::ExitCode {
    patchboard_host::cli::main()
}
