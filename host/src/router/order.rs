//! Which of two shapes at one place is more specific.
//!
//! 1. Named types, and literal text with plain parameters, are ordered among
//!    themselves, by their [`Rank`].
//! 2. Else (a regex, or a type among text) the narrower comes first: all that it
//!    matches is matched by the other too (`\d{4}` before `\d+` before `{x:.+}`).
//! 3. Two that match no common text need no order.
//! 4. Else they tie, and a text that both match is known.
//!
//! Nothing that lies within another comes after it by 1: no open type lies within
//! text with parameters (no character is in all its values), and none of those within
//! a type. So 1 and 2 together have no cycles, and the order is the same whichever
//! route came first.

use std::cmp::Ordering;

use patchboard_pattern::Rank;

use super::language::Relation;
use super::shape::Shape;

/// How a shape lies to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// They differ in the names of their parameters at most.
    Same,
    /// It is asked first.
    Before,
    /// The other one is.
    After,
    /// No text matches both.
    Apart,
    /// Neither is more specific; this text, where one is known, matches both.
    Tie(Option<String>),
}

/// How `a` lies to `b`.
pub(super) fn compare(a: &Shape, b: &Shape) -> Order {
    if a.key() == b.key() {
        return Order::Same;
    }
    if let (Some(a), Some(b)) = (a.glob(), b.glob())
        && apart(a, b)
    {
        return Order::Apart;
    }
    match Rank::of(a.parts()).zip(Rank::of(b.parts())).map(|(a, b)| a.cmp(&b)) {
        Some(Ordering::Less) => return Order::Before,
        Some(Ordering::Greater) => return Order::After,
        Some(Ordering::Equal) | None => {}
    }
    match a.language().relation(b.language()) {
        Relation::Disjoint => Order::Apart,
        Relation::Narrower => Order::Before,
        Relation::Wider => Order::After,
        Relation::Equal(example) | Relation::Overlap(example) => Order::Tie(Some(example)),
        Relation::Unknown => Order::Tie(None),
    }
}

/// Whether two globs surely match nothing in common: their beginnings or their
/// ends differ.
fn apart(a: &[String], b: &[String]) -> bool {
    let beginnings = a.first().zip(b.first());
    let ends = a.last().zip(b.last());
    beginnings.is_some_and(|(a, b)| !a.starts_with(b.as_str()) && !b.starts_with(a.as_str()))
        || ends.is_some_and(|(a, b)| !a.ends_with(b.as_str()) && !b.ends_with(a.as_str()))
}

/// Puts `items` in an order in which each comes after those it must follow. Which
/// of several is the same however they came in: the smallest key.
pub(super) fn sort<N>(items: Vec<N>, key: impl Fn(&N) -> &str, follows: impl Fn(&N, &N) -> bool) -> Vec<N> {
    let mut left = items;
    left.sort_by(|a, b| key(a).cmp(key(b)));
    let mut sorted = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let first = left.iter().position(|a| !left.iter().any(|b| follows(a, b))).unwrap_or_default();
        sorted.push(left.remove(first));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use patchboard_pattern::{ParamType, Place, Segment};

    use super::super::language::Language;
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str, expected: Order) {
        let shape = |text: &str| match Place::parse(text) {
            Ok(Place::Segment(Segment::Shape(parts))) => Shape::new(parts).unwrap(),
            other => panic!("{text}: {other:?}"),
        };
        let (a, b) = (shape(a), shape(b));
        let mirrored = match expected.clone() {
            Order::Before => Order::After,
            Order::After => Order::Before,
            other => other,
        };
        assert_eq!(compare(&a, &b), expected);
        let found = compare(&b, &a);
        match (&found, &mirrored) {
            (Order::Tie(_), Order::Tie(_)) => {}
            _ => assert_eq!(found, mirrored),
        }
    }

    #[test]
    fn shapes_are_ordered() {
        let tie = |text: &str| Order::Tie(Some(text.to_owned()));
        check("{a:int}", "{b:int}", Order::Same);
        check("{a}-{b}", "{c}-{d}", Order::Same);
        check("{a:int}", "{a:slug}", Order::Before);
        check("{a:hex}", "{a:alpha}", Order::Before);
        check(r"{a:[0-9]{4}}", "{a:int}", Order::Before);
        check(r"{a:\d{4}}", r"{a:\d+}", Order::Before);
        check(r"{a:\d+}", "{a:[a-z]+}", Order::Apart);
        check("{a:.+}", "{a:int}", Order::After);
        check("{a}.html", "{a}.{b}", Order::Before);
        check("thumb-{n}", "{a}.png", Order::Before);
        check("{a}.html", "{a}.json", Order::Apart);
        check("{d:date}", "{a}-{b}", Order::Before);
        check("{a:uuid}", "a{x}", Order::Before);
        check("v{n}", "{s:slug}", Order::Before);
        check("v{n:int}", "v{n}", Order::Before);
        check("v{n:int}", "{s:slug}", Order::Before);
        check(r"{y:\d{4}}", "{n:int}", Order::Before);
        check("{a:.+}", "{n}.x", Order::After);
        check("{a:[^/]+}", "{n}.x", Order::After);
        check("v{n}", "{a}.{b}", Order::Before);
        check("{a}-{b}", "{a}.{b}", tie("a-.a"));
        check("{a:[0-9a-f]{2,}}", "{a:int}", tie("00"));
        check("{a:[0-9]+}", "{a:[0-9][0-9]*}", tie("0"));
    }

    #[test]
    fn a_type_comes_before_every_type_that_contains_it() {
        for (at, a) in ParamType::ALL.into_iter().enumerate() {
            for b in ParamType::ALL.into_iter().skip(at + 1) {
                let relation = Language::new(a.grammar()).relation(&Language::new(b.grammar()));
                assert!(
                    !matches!(relation, Relation::Wider | Relation::Equal(_)),
                    "{a:?} {b:?} {relation:?}"
                );
            }
        }
    }
}
