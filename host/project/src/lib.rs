//! Projects of handlers: `patchboard new` makes one, `patchboard build` compiles it,
//! `patchboard doctor` says what this machine lacks for that, and `patchboard wit` writes the
//! contract for other toolchains. Nothing of the server's.
//!
//! `patchboard dev` builds by a [`Project`], too, and takes down what the compiler says.
//!
//! The SDK (`sdk`) and the templates (`template`) are carried as text; what is asked of
//! cargo and rustc is in `cargo` and `toolchain`.

mod build;
mod cargo;
mod compile;
mod doctor;
mod folder;
mod lock;
mod manifest;
mod name;
mod new;
mod project;
mod python;
mod sdk;
mod template;
mod toolchain;
mod wit;

pub use self::build::Build;
pub use self::compile::{Failure, Running};
pub use self::doctor::Doctor;
pub use self::new::New;
pub use self::project::{Made, Project};
pub use self::wit::Wit;
