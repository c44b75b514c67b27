//! One place of a pattern, made ready for matching: a segment of its path, or a label of
//! its host. The grammar is [`patchboard_pattern`]'s; here its regexes are compiled.

use std::fmt;
use std::sync::Arc;

use patchboard_pattern as grammar;

use super::shape::Shape;

/// One place of a pattern.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    /// This text.
    Literal(Box<str>),
    /// `{name}`: any text but none.
    Plain(Box<str>),
    /// Everything else that has parameters.
    Shape(Arc<Shape>),
}

impl Segment {
    /// Fails if a regex does.
    pub(super) fn new(segment: grammar::Segment) -> Result<Self, String> {
        Ok(match segment {
            grammar::Segment::Literal(text) => Self::Literal(text.into()),
            grammar::Segment::Plain(name) => Self::Plain(name.into()),
            grammar::Segment::Shape(parts) => Self::Shape(Arc::new(Shape::new(parts)?)),
        })
    }

    /// The names of its parameters, in order.
    pub(super) fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        let (plain, shape) = match self {
            Self::Literal(_) => (None, None),
            Self::Plain(name) => (Some(&**name), None),
            Self::Shape(shape) => (None, Some(shape.names())),
        };
        plain.into_iter().chain(shape.into_iter().flatten())
    }
}

/// As it can be written.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(&grammar::escape(text)),
            Self::Plain(name) => write!(f, "{{{name}}}"),
            Self::Shape(shape) => shape.parts().iter().try_for_each(|part| part.fmt(f)),
        }
    }
}
