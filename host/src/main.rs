//! The `patchboard` binary: everything is in the library, starting at [`patchboard::cli`].

fn main() -> std::process::ExitCode {
    patchboard::cli::main()
}
