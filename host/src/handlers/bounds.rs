//! What is in a component, counted before anything compiles it, and how much that may be.
//!
//! The compiler cannot be stopped, and takes some 5 KB and 100 µs for a function that is empty,
//! and for a long one more than its length tells. So a file of a few megabytes could take
//! minutes and all memory; no component that a toolchain has made is near these bounds.

use wasmparser::{Parser, Payload};

/// Functions of all its modules, with the adapters of its imports and exports, and types.
const MOST_FUNCTIONS: u64 = 250_000;
/// The code of all its functions, in bytes.
const MOST_CODE: u64 = 64 << 20;
/// The code of one of them, in bytes.
const LONGEST_FUNCTION: u64 = 1 << 20;
/// From how much code on the operator is told that something is being compiled.
const LARGE_CODE: u64 = 4 << 20;
const MANY_FUNCTIONS: u64 = 10_000;

/// What compiling a component has to do with.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// Functions and types.
    pub functions: u64,
    /// The bytes of their code.
    pub code: u64,
    longest: u64,
}

impl Amount {
    /// Of `component`, as far as it is well-formed; the compiler says what is not.
    pub(super) fn of(component: &[u8]) -> Self {
        let mut amount = Self::default();
        for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
            match payload {
                Payload::CodeSectionEntry(body) => {
                    let length = body.range().len() as u64;
                    amount.functions += 1;
                    amount.code += length;
                    amount.longest = amount.longest.max(length);
                }
                Payload::ComponentCanonicalSection(section) => amount.functions += u64::from(section.count()),
                Payload::ComponentTypeSection(section) => amount.functions += u64::from(section.count()),
                Payload::TypeSection(section) => amount.functions += u64::from(section.count()),
                _ => {}
            }
        }
        amount
    }

    /// Holds it against the bounds.
    ///
    /// # Errors
    ///
    /// Names the bound, and what to do.
    pub(super) fn check(&self) -> Result<(), String> {
        let remedy = "build it optimised for size, or as several handlers";
        for (found, most, what) in [
            (self.functions, MOST_FUNCTIONS, "functions and types"),
            (self.code, MOST_CODE, "bytes of code"),
            (self.longest, LONGEST_FUNCTION, "bytes of code in one function"),
        ] {
            if found > most {
                return Err(format!("has {found} {what}, and {most} is the most that is compiled; {remedy}"));
            }
        }
        Ok(())
    }

    /// Whether compiling it may take seconds.
    pub(super) fn is_large(&self) -> bool {
        self.code >= LARGE_CODE || self.functions >= MANY_FUNCTIONS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of `count` functions with bodies of `length` bytes, well-formed but for that.
    fn module(count: u32, length: u32) -> Vec<u8> {
        let leb = |mut number: u32| {
            let mut bytes = Vec::new();
            while number >= 0x80 {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
            bytes
        };
        let section = |id: u8, content: Vec<u8>| [vec![id], leb(content.len() as u32), content].concat();
        let body = [leb(length), vec![0], vec![0x01; length as usize - 2], vec![0x0b]].concat();
        let types = section(1, vec![1, 0x60, 0, 0]);
        let functions = section(3, [leb(count), vec![0; count as usize]].concat());
        let code = section(10, [leb(count), body.repeat(count as usize)].concat());
        [b"\0asm\x01\0\0\0".to_vec(), types, functions, code].concat()
    }

    #[test]
    fn what_takes_too_long_is_refused_before_it_is_compiled() {
        let check = |count, length| Amount::of(&module(count, length)).check();
        assert_eq!(check(1, 2), Ok(()));
        assert_eq!(check(100_000, 2), Ok(()));
        assert!(check(300_000, 2).unwrap_err().contains("has 300001 functions and types"));
        assert_eq!(check(2, 1 << 20), Ok(()));
        assert!(check(1, (1 << 20) + 1).unwrap_err().contains("bytes of code in one function"));
        assert!(check(65, 1 << 20).unwrap_err().contains("68157440 bytes of code"));
    }

    #[test]
    fn what_may_take_seconds_is_large() {
        for (count, length, large) in [(10, 100, false), (4, 1 << 20, true), (10_000, 2, true)] {
            assert_eq!(Amount::of(&module(count, length)).is_large(), large, "{count} of {length}");
        }
    }
}
