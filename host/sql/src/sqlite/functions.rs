//! Functions of SQLite's whose work grows with the square of their arguments, in their place:
//! the same results in linear time.
//!
//! What text a number has is asked of SQLite itself.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use memchr::memmem;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, Result, ToSql, ffi};

/// Text that need not be UTF-8, as that of SQLite.
struct Text(Vec<u8>);

impl ToSql for Text {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}

/// Replaces them; a result is `longest` bytes long at most.
pub(super) fn replace(sqlite: &Connection, longest: usize) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    let plain = Connection::open_in_memory()?;
    sqlite.create_scalar_function("instr", 2, flags, move |context| instr(context, &plain))?;
    let plain = Connection::open_in_memory()?;
    sqlite.create_scalar_function("replace", 3, flags, move |context| replaced(context, &plain, longest))?;
    for (name, left, right) in [("trim", true, true), ("ltrim", true, false), ("rtrim", false, true)] {
        let plain = Connection::open_in_memory()?;
        sqlite
            .create_scalar_function(name, 2, flags, move |context| trimmed(context, &plain, left, right))?;
    }
    let plain = Connection::open_in_memory()?;
    sqlite.create_scalar_function("unhex", 2, flags, move |context| unhexed(context, &plain))
}

/// An argument as text, or none where it is null.
fn text<'a>(context: &'a Context<'_>, index: usize, plain: &Connection) -> Result<Option<Cow<'a, [u8]>>> {
    Ok(match context.get_raw(index) {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(Cow::Borrowed(bytes)),
        number => {
            let mut cast = plain.prepare_cached("SELECT CAST(?1 AS TEXT)")?;
            let text = cast.query_row([ToSqlOutput::Borrowed(number)], |row| row.get::<_, String>(0))?;
            Some(Cow::Owned(text.into_bytes()))
        }
    })
}

/// Whether a byte goes on with a character that was begun before.
fn goes_on(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// How many characters or, of blobs, bytes are before the first occurrence, and one.
fn instr(context: &Context<'_>, plain: &Connection) -> Result<Option<i64>> {
    let (Some(haystack), Some(needle)) = (text(context, 0, plain)?, text(context, 1, plain)?) else {
        return Ok(None);
    };
    let is_blob = |index| matches!(context.get_raw(index), ValueRef::Blob(_));
    let position = match needle.first() {
        None => Some(0),
        _ if is_blob(0) && is_blob(1) => memmem::find(&haystack, &needle),
        // In text it is looked for where a character begins.
        Some(first) if goes_on(*first) => haystack.starts_with(&needle).then_some(0),
        Some(_) => memmem::find(&haystack, &needle),
    };
    let before = position.map(|position| match is_blob(0) && is_blob(1) {
        true => position,
        false => haystack.iter().take(position + 1).skip(1).filter(|byte| !goes_on(**byte)).count(),
    });
    Ok(Some(before.map_or(0, |before| before as i64 + 1)))
}

fn replaced(context: &Context<'_>, plain: &Connection, longest: usize) -> Result<Option<Text>> {
    let (Some(whole), Some(part)) = (text(context, 0, plain)?, text(context, 1, plain)?) else {
        return Ok(None);
    };
    if part.first().is_none_or(|first| *first == 0) {
        return Ok(Some(Text(whole.into_owned())));
    }
    let Some(with) = text(context, 2, plain)? else { return Ok(None) };
    let parts = memmem::Finder::new(&*part);
    let length = whole.len() + parts.find_iter(&whole).count() * with.len().saturating_sub(part.len());
    if length > longest {
        return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_TOOBIG), None));
    }
    let (mut result, mut end) = (Vec::with_capacity(length), 0);
    for position in parts.find_iter(&whole) {
        result.extend_from_slice(whole.get(end..position).unwrap_or_default());
        result.extend_from_slice(&with);
        end = position + part.len();
    }
    result.extend_from_slice(whole.get(end..).unwrap_or_default());
    Ok(Some(Text(result)))
}

fn trimmed(context: &Context<'_>, plain: &Connection, left: bool, right: bool) -> Result<Option<Text>> {
    let (Some(whole), Some(characters)) = (text(context, 0, plain)?, text(context, 1, plain)?) else {
        return Ok(None);
    };
    // It ends where a C string would.
    let mut characters = characters.split(|byte| *byte == 0).next().unwrap_or_default();
    // Each with its place among them: where several fit, the first counts.
    let mut places = HashMap::new();
    while !characters.is_empty() {
        let (character, others) = characters.split_at(first_character(characters));
        let place = places.len();
        places.entry(character).or_insert(place);
        characters = others;
    }
    let mut rest = &*whole;
    while left && let Some(length) = first_length(&places, |length| rest.get(..length)) {
        rest = rest.get(length..).unwrap_or_default();
    }
    while right
        && let Some(length) = first_length(&places, |length| rest.get(rest.len().checked_sub(length)?..))
    {
        rest = rest.get(..rest.len() - length).unwrap_or_default();
    }
    Ok(Some(Text(rest.to_vec())))
}

/// The length of the character that `candidate` gives for it, if it is among them.
fn first_length<'a>(
    places: &HashMap<&[u8], usize>,
    candidate: impl Fn(usize) -> Option<&'a [u8]>,
) -> Option<usize> {
    let found = (1..=4).filter_map(|length| Some((*places.get(candidate(length)?)?, length)));
    found.min().map(|(_, length)| length)
}

/// The bytes that hexadecimal digits stand for, between which there may be some characters.
fn unhexed(context: &Context<'_>, plain: &Connection) -> Result<Option<Vec<u8>>> {
    let (Some(digits), Some(ignored)) = (text(context, 0, plain)?, text(context, 1, plain)?) else {
        return Ok(None);
    };
    let (mut characters, mut rest) = (HashSet::new(), &*ignored);
    while !rest.is_empty() {
        let (character, others) = rest.split_at(first_character(rest));
        characters.insert(code_point(character));
        rest = others;
    }
    // It ends where a C string would.
    let mut rest = digits.split(|byte| *byte == 0).next().unwrap_or_default();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(rest.len() / 2);
    while let Some(first) = rest.first() {
        let Some(high) = digit(*first) else {
            let (character, others) = rest.split_at(first_character(rest));
            if !characters.contains(&code_point(character)) {
                return Ok(None);
            }
            rest = others;
            continue;
        };
        let Some(low) = rest.get(1).and_then(|byte| digit(*byte)) else { return Ok(None) };
        bytes.push(high << 4 | low);
        rest = rest.get(2..).unwrap_or_default();
    }
    Ok(Some(bytes))
}

/// The code point of a character, as SQLite reads it.
fn code_point(character: &[u8]) -> u32 {
    let Some((&first, rest)) = character.split_first() else { return 0 };
    let begun = match first {
        0..0xC0 => return u32::from(first),
        0xC0..0xE0 => first & 0x1F,
        0xE0..0xF0 => first & 0x0F,
        0xF0..0xF8 => first & 0x07,
        0xF8..0xFC => first & 0x03,
        _ => u8::from(first == 0xFD),
    };
    let point = rest.iter().fold(u32::from(begun), |point, byte| point << 6 | u32::from(byte & 0x3F));
    let is_none = point < 0x80 || point & 0xFFFF_F800 == 0xD800 || point & 0xFFFF_FFFE == 0xFFFE;
    if is_none { 0xFFFD } else { point }
}

/// The length of the first character, as SQLite reads it.
fn first_character(text: &[u8]) -> usize {
    match text.first() {
        Some(0xC0..) => 1 + text.iter().skip(1).take_while(|byte| goes_on(**byte)).count(),
        _ => 1,
    }
}
