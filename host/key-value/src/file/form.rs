//! All values of the file as they are sent to a backup: a line that says what follows, a record
//! a value, and one at the end, without which it is not all.

use std::io::{self, Read, Write};

/// What comes first; another version has another line.
pub(super) const BEGIN: &[u8] = b"patchboard key-value 1\n";

const VALUE: u8 = b'v';
const END: u8 = b'e';
const FAILURE: u8 = b'f';

/// What is read.
pub(super) enum Record {
    /// The space, the key and the value.
    Value(String, String, Vec<u8>),
    /// How many values there were.
    End(u64),
    /// Why there are no more.
    Failure(String),
}

pub(super) fn write_value(out: &mut impl Write, space: &str, key: &str, value: &[u8]) -> io::Result<()> {
    out.write_all(&[VALUE])?;
    [space.as_bytes(), key.as_bytes(), value].into_iter().try_for_each(|part| write_part(out, part))
}

pub(super) fn write_end(out: &mut impl Write, values: u64) -> io::Result<()> {
    out.write_all(&[END])?;
    out.write_all(&values.to_le_bytes())
}

pub(super) fn write_failure(out: &mut impl Write, reason: &str) -> io::Result<()> {
    out.write_all(&[FAILURE])?;
    write_part(out, reason.as_bytes())
}

pub(super) fn read_begin(from: &mut impl Read) -> io::Result<()> {
    let mut begin = [0; BEGIN.len()];
    from.read_exact(&mut begin)?;
    match begin == BEGIN {
        true => Ok(()),
        false => Err(io::Error::other("the server is of another version; use the program that it runs")),
    }
}

pub(super) fn read(from: &mut impl Read) -> io::Result<Record> {
    let mut kind = [0];
    from.read_exact(&mut kind)?;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(io::Error::other);
    match kind[0] {
        VALUE => Ok(Record::Value(text(read_part(from)?)?, text(read_part(from)?)?, read_part(from)?)),
        END => {
            let mut values = [0; 8];
            from.read_exact(&mut values)?;
            Ok(Record::End(u64::from_le_bytes(values)))
        }
        FAILURE => Ok(Record::Failure(text(read_part(from)?)?)),
        _ => Err(io::Error::other("what the server sends is no copy")),
    }
}

fn write_part(out: &mut impl Write, part: &[u8]) -> io::Result<()> {
    let length = u32::try_from(part.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(part)
}

fn read_part(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u64::from(u32::from_le_bytes(length));
    let mut part = Vec::new();
    // Not by its length at once, which is only said.
    if from.by_ref().take(length).read_to_end(&mut part)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(part)
}
