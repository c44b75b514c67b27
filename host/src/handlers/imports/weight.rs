//! What values of the host's weigh while they are held for a guest.
//!
//! What a function takes and gives is on its instance's account while it is under way; each
//! type of it says here how much of the heap it has. A function whose types do not cannot be
//! linked as one that is awaited.

use bytes::Bytes;
use wasmtime::component::{FutureReader, Resource, StreamReader};

/// Bytes that a value has beside its own.
pub(in crate::handlers) trait Weight {
    fn weight(&self) -> usize;
}

/// Of what has none.
macro_rules! weightless {
    ($($type:ty),* $(,)?) => {
        $(impl $crate::handlers::imports::weight::Weight for $type {
            fn weight(&self) -> usize {
                0
            }
        })*
    };
}
pub(in crate::handlers) use weightless;

weightless!((), bool, u8, u16, u32, u64, i64, f64);

impl<T: 'static> Weight for Resource<T> {
    fn weight(&self) -> usize {
        0
    }
}

impl<T> Weight for StreamReader<T> {
    fn weight(&self) -> usize {
        0
    }
}

impl<T> Weight for FutureReader<T> {
    fn weight(&self) -> usize {
        0
    }
}

impl Weight for String {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl Weight for Bytes {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl<T: Weight> Weight for Vec<T> {
    fn weight(&self) -> usize {
        self.iter().map(|item| size_of::<T>() + item.weight()).sum()
    }
}

impl<T: Weight> Weight for Option<T> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, Weight::weight)
    }
}

impl<T: Weight, E: Weight> Weight for Result<T, E> {
    fn weight(&self) -> usize {
        match self {
            Ok(value) => value.weight(),
            Err(error) => error.weight(),
        }
    }
}

macro_rules! of_tuples {
    ($($($part:ident)+;)*) => {
        $(impl<$($part: Weight),+> Weight for ($($part,)+) {
            #[expect(non_snake_case, reason = "each part is named by its type")]
            fn weight(&self) -> usize {
                let ($($part,)+) = self;
                0 $(+ $part.weight())+
            }
        })*
    };
}
of_tuples! {
    A;
    A B;
    A B C;
    A B C D;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_value_is_weighed() {
        let pairs = vec![("key".to_owned(), Bytes::from_static(b"value")); 2];
        assert_eq!(pairs.weight(), 2 * (size_of::<(String, Bytes)>() + 8));
        assert_eq!((Some("a".to_owned()), 1_u64, None::<String>).weight(), 1);
        assert_eq!(Err::<(), _>("wrong".to_owned()).weight(), 5);
    }
}
