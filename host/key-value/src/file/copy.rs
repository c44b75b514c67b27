//! A copy of the file, as it is at one moment, by a process that does not have it open: asked
//! of the server that has, or read where there is none.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use redb::{Builder, ReadableDatabase as _};

use super::database::{BYTES, VALUES, create, each, remedy};
use super::form::{self, Record};
use super::lend::{PATIENCE, reach, socket_of};

/// Takes a value, by its space and key.
type Take<'t> = dyn FnMut(&str, &str, &[u8]) -> Result<(), String> + 't;

/// Writes what the file at `path` has to a new one at `to`; gives how many values that is,
/// or none where there is no file.
pub(crate) fn copy(path: &Path, to: &Path) -> Result<Option<u64>, String> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Who opens it says why not.
        _ => {}
    }
    let socket = socket_of(path);
    match reach(&socket, |socket| UnixStream::connect(socket)) {
        Ok(stream) => {
            let asked = |error: io::Error| asked_in_vain(&socket, &error);
            write(to, &mut |take| receive(&stream, take, &asked)).map(Some)
        }
        // Nobody has it open, or who has cannot be asked.
        Err(unanswered) => {
            let database = create(path).map_err(|error| match error {
                redb::Error::DatabaseAlreadyOpen => asked_in_vain(&socket, &unanswered),
                redb::Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    format!("cannot read {}: {error}; run this as the user of the server", path.display())
                }
                error => format!("cannot open the key-value file {}: {}", path.display(), remedy(&error)),
            })?;
            let from = |take: &mut Take<'_>| {
                let read = || -> Result<_, redb::Error> { Ok(database.begin_read()?.open_table(VALUES)?) };
                let reader = read().map_err(|error| remedy(&error))?;
                let mut failed = None;
                let read = each(&reader, &mut |space, key, value| {
                    take(space, key, value).map_err(|reason| {
                        failed = Some(reason);
                        io::ErrorKind::Other.into()
                    })
                });
                // What is wrong with the copy is not with the file.
                failed.map_or(read, Err)
            };
            write(to, &mut |take| from(take)).map(Some)
        }
    }
}

fn asked_in_vain(socket: &Path, error: &io::Error) -> String {
    let reason = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("nothing came for {PATIENCE:?}; another backup may be under way")
        }
        io::ErrorKind::UnexpectedEof => "it has ended; try again".to_owned(),
        io::ErrorKind::NotFound => "it does not listen there; its log says why".to_owned(),
        io::ErrorKind::PermissionDenied => format!("{error}; run this as the user of the server"),
        _ => error.to_string(),
    };
    format!("cannot ask the server for the key-value file at {}: {reason}", socket.display())
}

fn receive(
    stream: &UnixStream,
    take: &mut Take<'_>,
    asked: &dyn Fn(io::Error) -> String,
) -> Result<u64, String> {
    stream.set_read_timeout(Some(PATIENCE)).map_err(asked)?;
    let mut from = BufReader::with_capacity(256 << 10, stream);
    form::read_begin(&mut from).map_err(asked)?;
    let mut values = 0;
    loop {
        match form::read(&mut from).map_err(asked)? {
            Record::Value(space, key, value) => take(&space, &key, &value)?,
            Record::End(all) if all == values => return Ok(values),
            Record::End(all) => {
                return Err(asked(io::Error::other(format!("{values} of {all} values came"))));
            }
            Record::Failure(reason) => return Err(asked(io::Error::other(reason))),
        }
        values += 1;
    }
}

/// Writes a new file at `to` of what `from` gives.
fn write(to: &Path, from: &mut dyn FnMut(&mut Take<'_>) -> Result<u64, String>) -> Result<u64, String> {
    let cannot = |error: &dyn std::fmt::Display| format!("cannot write {}: {error}", to.display());
    File::options().write(true).create_new(true).mode(0o600).open(to).map_err(|error| cannot(&error))?;
    let mut fill = || -> Result<Result<u64, String>, redb::Error> {
        let database = Builder::new().create(to)?;
        let transaction = database.begin_write()?;
        // Else the server would count it anew.
        transaction.open_table(BYTES)?;
        let mut table = transaction.open_table(VALUES)?;
        let done = from(&mut |space, key, value| {
            table.insert((space, key), value).map(drop).map_err(|error| cannot(&error))
        });
        drop(table);
        if done.is_ok() {
            transaction.commit()?;
        }
        Ok(done)
    };
    fill().map_err(|error| cannot(&error))?
}
