//! Values of rows and parameters.

/// A value of a row, or of a parameter.
///
/// Types of the database that have no case here (numeric, date, time, timestamp, uuid,
/// json) are text, both ways.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number in floating point.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

macro_rules! values {
    ($($from:ty, $value:ident => $to:expr;)*) => { $(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $to
            }
        }
    )* };
}

values! {
    bool, value => Self::Boolean(value);
    i16, value => Self::Integer(value.into());
    i32, value => Self::Integer(value.into());
    i64, value => Self::Integer(value);
    u8, value => Self::Integer(value.into());
    u16, value => Self::Integer(value.into());
    u32, value => Self::Integer(value.into());
    f32, value => Self::Real(value.into());
    f64, value => Self::Real(value);
    String, value => Self::Text(value);
    &String, value => Self::Text(value.clone());
    &str, value => Self::Text(value.to_owned());
    Vec<u8>, value => Self::Blob(value);
    &[u8], value => Self::Blob(value.to_vec());
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
