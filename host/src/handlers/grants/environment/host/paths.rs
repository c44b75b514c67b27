//! WASI 0.3's functions of files that take paths, in the place of wasmtime's own: the same, but a
//! path counts as memory of its instance until its function has ended. A guest may begin as many
//! as it likes, and what a path takes is with the host from then on.

use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p3::bindings::filesystem::types::{
    DescriptorFlags, ErrorCode, HostDescriptorWithStore, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p3::filesystem::FilesystemResult;

use crate::handlers::memory::Charge;
use crate::handlers::state::State;

/// The interface.
const TYPES: &str = "wasi:filesystem/types@0.3.0";

fn held(accessor: &Accessor<State>, bytes: usize) -> wasmtime::Result<Charge> {
    Ok(accessor.with(|mut access| access.get().memory.hold(bytes))?)
}

/// An error as the guest is told of it; a trap where it is none of files.
fn told<T>(outcome: FilesystemResult<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    Ok((match outcome {
        Ok(value) => Ok(value),
        Err(error) => Err(error.downcast()?),
    },))
}

/// A function, its parameters after the descriptor, and which of them are paths.
macro_rules! path_function {
    ($types:ident, $name:literal, $method:ident, ($($parameter:ident: $type:ty),+), $($path:ident),+) => {
        $types.func_wrap_concurrent(
            concat!("[method]descriptor.", $name),
            |accessor, (descriptor, $($parameter),+): (Resource<Descriptor>, $($type),+)| {
                Box::pin(async move {
                    let _held = held(accessor, 0 $(+ $path.len())+)?;
                    let files = accessor.with_getter::<WasiFilesystem>(State::filesystem);
                    told(WasiFilesystem::$method(&files, descriptor, $($parameter),+).await)
                })
            },
        )?;
    };
}

/// Replaces them.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type To = Resource<Descriptor>;
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    path_function!(types, "create-directory-at", create_directory_at, (path: String), path);
    path_function!(types, "stat-at", stat_at, (flags: PathFlags, path: String), path);
    path_function!(
        types,
        "set-times-at",
        set_times_at,
        (flags: PathFlags, path: String, read: NewTimestamp, changed: NewTimestamp),
        path
    );
    path_function!(types, "link-at", link_at, (flags: PathFlags, old: String, to: To, new: String), old, new);
    path_function!(
        types,
        "open-at",
        open_at,
        (flags: PathFlags, path: String, how: OpenFlags, power: DescriptorFlags),
        path
    );
    path_function!(types, "readlink-at", readlink_at, (path: String), path);
    path_function!(types, "remove-directory-at", remove_directory_at, (path: String), path);
    path_function!(types, "rename-at", rename_at, (old: String, to: To, new: String), old, new);
    path_function!(types, "symlink-at", symlink_at, (old: String, new: String), old, new);
    path_function!(types, "unlink-file-at", unlink_file_at, (path: String), path);
    path_function!(types, "metadata-hash-at", metadata_hash_at, (flags: PathFlags, path: String), path);
    linker.allow_shadowing(false);
    Ok(())
}
