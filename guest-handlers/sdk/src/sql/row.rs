//! A row as whatever type was asked for, by serde.

use super::{Error, Value};
use serde::de::value::{Error as DeError, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// The row as a `T`.
pub(super) fn read<T: DeserializeOwned>(columns: &[String], row: Vec<Value>) -> super::Result<T> {
    T::deserialize(Row { columns, row }).map_err(|error| {
        Error::Row(format!("a row of {} is not what was asked for: {error}", columns.join(", ")))
    })
}

struct Row<'a> {
    columns: &'a [String],
    row: Vec<Value>,
}

/// A struct or a map takes the columns by name, a tuple or a list by order; anything
/// else is the only column.
impl<'de> Deserializer<'de> for Row<'_> {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.only()?.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.only()?.deserialize_option(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.only()?.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let columns = self.columns.iter().map(String::as_str);
        visitor.visit_map(MapDeserializer::new(columns.zip(self.row.into_iter().map(Cell))))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let mut values = SeqDeserializer::new(self.row.into_iter().map(Cell));
        let value = visitor.visit_seq(&mut values)?;
        values.end()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.deserialize_seq(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf
        unit unit_struct identifier ignored_any
    }
}

impl Row<'_> {
    fn only(self) -> Result<Cell, DeError> {
        let count = self.row.len();
        let mut values = self.row.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(Cell(value)),
            _ => Err(DeError::custom(format!("it has {count} columns, and one was expected"))),
        }
    }
}

/// A value of a row.
struct Cell(Value);

impl<'de> IntoDeserializer<'de, DeError> for Cell {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Cell {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Boolean(value) => visitor.visit_bool(value),
            Value::Integer(value) => visitor.visit_i64(value),
            Value::Real(value) => visitor.visit_f64(value),
            Value::Text(text) => visitor.visit_string(text),
            Value::Blob(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.0 {
            Value::Blob(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        visitor.visit_newtype_struct(self)
    }

    /// An enumeration of the database is text.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        match self.0 {
            Value::Text(text) => text.into_deserializer().deserialize_enum(name, variants, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf
        unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Note {
        id: u32,
        text: Option<String>,
        rank: f64,
        raw: Vec<u8>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Id(i64);

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Mood {
        Glad,
    }

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn structs_go_by_name() {
        let columns = columns(&["raw", "rank", "text", "id", "more"]);
        let row = vec![Value::Blob(vec![1]), Value::Real(0.5), Value::Null, Value::Integer(7), Value::Null];
        let note = Note { id: 7, text: None, rank: 0.5, raw: vec![1] };
        assert_eq!(read(&columns, row), Ok(note));
    }

    #[test]
    fn tuples_go_by_order_and_values_alone() {
        let row = || vec![Value::Integer(7), Value::from("a")];
        assert_eq!(read(&columns(&["a", "b"]), row()), Ok((Id(7), "a".to_owned())));
        assert_eq!(read(&columns(&["a"]), vec![Value::Integer(7)]), Ok(Id(7)));
        assert_eq!(read(&columns(&["a"]), vec![Value::Boolean(true)]), Ok(true));
        assert_eq!(read(&columns(&["a"]), vec![Value::from("glad")]), Ok(Mood::Glad));
        assert_eq!(read(&columns(&["a"]), vec![Value::Null]), Ok(None::<i64>));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let row = || vec![Value::Integer(300), Value::from("a")];
        for error in [
            read::<(u8, String)>(&columns(&["a", "b"]), row()).unwrap_err(),
            read::<(i64,)>(&columns(&["a", "b"]), row()).unwrap_err(),
            read::<i64>(&columns(&["a", "b"]), row()).unwrap_err(),
            read::<Note>(&columns(&["a", "b"]), row()).unwrap_err(),
        ] {
            assert!(error.to_string().starts_with("a row of a, b is not"), "{error}");
        }
    }
}
