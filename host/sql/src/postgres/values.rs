//! Values on their way to PostgreSQL and back.
//!
//! Parameters travel as text, which the server reads as whatever type it has inferred
//! for them; bytes travel as they are. Rows come in the binary form of their types.

use std::error::Error as StdError;
use std::fmt::Write as _;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::{Error, Result, Row, Value};

type Failure = Box<dyn StdError + Sync + Send>;

/// A value as a parameter.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Failure> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Boolean(value) => write!(out, "{value}")?,
            Value::Integer(value) => write!(out, "{value}")?,
            Value::Real(value) if value.is_infinite() => {
                out.extend_from_slice(if *value > 0.0 { b"Infinity" } else { b"-Infinity" });
            }
            Value::Real(value) => write!(out, "{value}")?,
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Blob(bytes) if *ty == Type::BYTEA => out.extend_from_slice(bytes),
            Value::Blob(_) => return Err(format!("bytes were given for a parameter of type {ty}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        if matches!(self.0, Value::Blob(_)) { Format::Binary } else { Format::Text }
    }

    to_sql_checked!();
}

/// Whether the driver has had to ask the server for the type.
pub(super) fn is_looked_up(ty: &Type) -> bool {
    Type::from_oid(ty.oid()).is_none()
}

/// A row's values.
pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row> {
    let value = |(index, column): (usize, &tokio_postgres::Column)| {
        row.try_get::<_, Column>(index).map(|column| column.0).map_err(|error| {
            let reason = error.into_source().map(|source| source.to_string()).unwrap_or_default();
            Error::Other(format!("column {}: {reason}; cast it to text", column.name()))
        })
    };
    row.columns().iter().enumerate().map(value).collect()
}

/// A column's value.
struct Column(Value);

impl<'a> FromSql<'a> for Column {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> std::result::Result<Self, Failure> {
        fn text<'a, T: FromSql<'a> + ToString>(
            ty: &Type,
            raw: &'a [u8],
        ) -> std::result::Result<Value, Failure> {
            T::from_sql(ty, raw).map(|value| Value::Text(value.to_string()))
        }
        let ty = if let Kind::Domain(of) = ty.kind() { of } else { ty };
        Ok(Self(match *ty {
            Type::BOOL => Value::Boolean(bool::from_sql(ty, raw)?),
            Type::INT2 => Value::Integer(i16::from_sql(ty, raw)?.into()),
            Type::INT4 => Value::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Value::Integer(i64::from_sql(ty, raw)?),
            Type::OID => Value::Integer(u32::from_sql(ty, raw)?.into()),
            Type::FLOAT4 => Value::Real(f32::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Value::Real(f64::from_sql(ty, raw)?),
            Type::BYTEA => Value::Blob(raw.to_vec()),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
                Value::Text(std::str::from_utf8(raw)?.to_owned())
            }
            // A byte for the version of the form comes first.
            Type::JSONB => Value::Text(std::str::from_utf8(raw.get(1..).unwrap_or_default())?.to_owned()),
            Type::UUID => text::<uuid::Uuid>(ty, raw)?,
            Type::DATE => text::<jiff::civil::Date>(ty, raw)?,
            Type::TIME => text::<jiff::civil::Time>(ty, raw)?,
            Type::TIMESTAMP => text::<jiff::civil::DateTime>(ty, raw)?,
            Type::TIMESTAMPTZ => text::<jiff::Timestamp>(ty, raw)?,
            Type::NUMERIC => Value::Text(numeric(raw).ok_or("a malformed number")?),
            Type::VOID => Value::Null,
            _ if matches!(ty.kind(), Kind::Enum(_)) => Value::Text(std::str::from_utf8(raw)?.to_owned()),
            _ => return Err(format!("the type {ty} has no form here").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Failure> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A `numeric` as text: its header, then digits of base 10,000
/// (`numeric_send` in PostgreSQL's numeric.c).
fn numeric(raw: &[u8]) -> Option<String> {
    let mut words = raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let (count, weight, sign, scale) = (words.next()?, words.next()?, words.next()?, words.next()?);
    match sign {
        0 | 0x4000 => {}
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => return None,
    }
    let digits: Vec<u16> = words.collect();
    if digits.len() != usize::from(count) || digits.iter().any(|digit| *digit > 9999) {
        return None;
    }
    let weight = i32::from(weight.cast_signed());
    let digit = |position: i32| {
        usize::try_from(weight - position).ok().and_then(|index| digits.get(index)).copied().unwrap_or(0)
    };
    let mut text = if sign == 0x4000 { "-".to_owned() } else { String::new() };
    write!(text, "{}", digit(weight.max(0))).ok()?;
    for position in (0..weight.max(0)).rev() {
        write!(text, "{:04}", digit(position)).ok()?;
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut position = -1;
        while fraction.len() < usize::from(scale) {
            write!(fraction, "{:04}", digit(position)).ok()?;
            position -= 1;
        }
        fraction.truncate(usize::from(scale));
        text = format!("{text}.{fraction}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_text() {
        for (words, expected) in [
            (&[0, 0, 0, 0][..], "0"),
            (&[0, 0, 0, 2], "0.00"),
            (&[1, 0, 0, 0, 7], "7"),
            (&[2, 0, 0, 2, 1, 5000], "1.50"),
            (&[2, 1, 0x4000, 0, 12, 34], "-120034"),
            (&[1, 1, 0, 0, 5], "50000"),
            (&[1, 0xFFFF, 0, 4, 25], "0.0025"),
            (&[1, 0xFFFE, 0, 8, 1], "0.00000001"),
            (&[0, 0, 0xC000, 0], "NaN"),
        ] {
            let raw: Vec<u8> = words.iter().flat_map(|word: &u16| word.to_be_bytes()).collect();
            assert_eq!(numeric(&raw).as_deref(), Some(expected));
        }
        assert_eq!(numeric(&[0, 1]), None);
    }
}
