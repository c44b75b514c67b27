//! Ties: which routes of a tree a new one could not be told apart from.
//!
//! A route ties with one at the same place, and with one whose first differing place
//! no rule orders (`order`), if from there on some text matches both.

use super::Captures;
use super::order::{self, Order};
use super::segment::Segment;
use super::tree::Tree;

/// Different shapes at one place: bounds what a request, and an insertion, costs.
const MOST_SHAPES: usize = 64;

/// Is shown the leaves that overlap, each with an example of each place.
type Visit<'v, 't, L, B> = &'v mut dyn FnMut(&'t L, &[Option<String>]) -> Option<B>;

/// How a leaf stands to a pattern that is to be inserted.
pub(super) enum Rival<'e> {
    /// It is at the same place.
    Same,
    /// Some text matches both and no rule orders them; an example of each place.
    Tie(&'e [Option<String>]),
}

impl<L> Tree<L> {
    /// Shows to `visit` the leaves that `segments` (and a tail) would tie with.
    pub(super) fn rivals<'t, B>(
        &'t self,
        segments: &[Segment],
        tail: bool,
        visit: &mut impl FnMut(&'t L, Rival<'_>) -> Option<B>,
    ) -> Option<B> {
        self.rivals_from(segments, tail, &mut Vec::new(), visit)
    }

    /// Also where it begins with a tie already: everything that can match the same.
    pub(super) fn overlapping<'t, B>(
        &'t self,
        segments: &[Segment],
        tail: bool,
        visit: &mut impl FnMut(&'t L, &[Option<String>]) -> Option<B>,
    ) -> Option<B> {
        self.overlapping_from(segments, tail, &mut Vec::new(), visit)
    }

    /// Whether the shape would be one too many.
    pub(super) fn is_full(&self, segments: &[Segment]) -> bool {
        let Some((segment, rest)) = segments.split_first() else { return false };
        let node = match segment {
            Segment::Literal(text) => self.literals.get(text.as_bytes()),
            Segment::Plain(_) => self.plain.as_deref(),
            Segment::Shape(shape) => {
                match self.shapes.iter().find(|child| child.shape.key() == shape.key()) {
                    None => return self.shapes.len() >= MOST_SHAPES,
                    Some(child) => Some(&child.node),
                }
            }
        };
        node.is_some_and(|node| node.is_full(rest))
    }

    fn rivals_from<'t, B>(
        &'t self,
        segments: &[Segment],
        tail: bool,
        example: &mut Vec<Option<String>>,
        visit: &mut impl FnMut(&'t L, Rival<'_>) -> Option<B>,
    ) -> Option<B> {
        let Some((segment, rest)) = segments.split_first() else {
            let leaf = if tail { &self.tail } else { &self.here };
            return leaf.as_ref().and_then(|leaf| visit(leaf, Rival::Same));
        };
        example.push(sample(segment));
        let same = match segment {
            Segment::Literal(text) => self.literals.get(text.as_bytes()),
            Segment::Plain(_) => self.plain.as_deref(),
            Segment::Shape(shape) => {
                self.shapes.iter().find(|child| child.shape.key() == shape.key()).map(|child| &child.node)
            }
        };
        let mut found = same.and_then(|node| node.rivals_from(rest, tail, example, visit));
        if found.is_none()
            && let Segment::Shape(shape) = segment
        {
            found = self.shapes.iter().find_map(|child| {
                let Order::Tie(both) = order::compare(shape, &child.shape) else { return None };
                if let Some(last) = example.last_mut() {
                    *last = both;
                }
                let visit = &mut |leaf, example: &[Option<String>]| visit(leaf, Rival::Tie(example));
                child.node.overlapping_from(rest, tail, example, visit)
            });
        }
        example.pop();
        found
    }

    fn overlapping_from<'t, B>(
        &'t self,
        segments: &[Segment],
        tail: bool,
        example: &mut Vec<Option<String>>,
        visit: Visit<'_, 't, L, B>,
    ) -> Option<B> {
        let Some((segment, rest)) = segments.split_first() else {
            return match tail {
                false => self.here.as_ref().and_then(|leaf| visit(leaf, example)),
                // A tail needs its slash, so not what ends here.
                true => self.below(example, visit),
            };
        };
        for (text, node) in self.literals.iter() {
            let fits = match segment {
                Segment::Literal(literal) => literal.as_bytes() == text,
                Segment::Plain(_) => !text.is_empty(),
                Segment::Shape(shape) => !text.is_empty() && shape.matches(text, &mut Captures::new()),
            };
            let both = fits.then(|| std::str::from_utf8(text).ok().map(str::to_owned));
            let found = both.and_then(|both| node.overlap_after(both, rest, tail, example, visit));
            if found.is_some() {
                return found;
            }
        }
        let empty = matches!(segment, Segment::Literal(text) if text.is_empty());
        for child in self.shapes.iter().filter(|_| !empty) {
            let both = match segment {
                Segment::Plain(_) => Some(child.shape.language().example()),
                Segment::Literal(text) => {
                    let fits = child.shape.matches(text.as_bytes(), &mut Captures::new());
                    fits.then(|| Some(text.to_string()))
                }
                Segment::Shape(shape) => shape.language().common(child.shape.language()),
            };
            let found = both.and_then(|both| child.node.overlap_after(both, rest, tail, example, visit));
            if found.is_some() {
                return found;
            }
        }
        let plain = self.plain.as_ref().filter(|_| !empty);
        plain.and_then(|node| node.overlap_after(sample(segment), rest, tail, example, visit)).or_else(|| {
            let leaf = self.tail.as_ref()?;
            let length = example.len();
            example.extend(segments.iter().map(sample));
            // The slash that its own tail needs.
            example.extend(tail.then(|| Some(String::new())));
            let found = visit(leaf, example);
            example.truncate(length);
            found
        })
    }

    fn overlap_after<'t, B>(
        &'t self,
        both: Option<String>,
        rest: &[Segment],
        tail: bool,
        example: &mut Vec<Option<String>>,
        visit: Visit<'_, 't, L, B>,
    ) -> Option<B> {
        example.push(both);
        let found = self.overlapping_from(rest, tail, example, visit);
        example.pop();
        found
    }

    /// Everything that a tail at this node would match too.
    fn below<'t, B>(&'t self, example: &mut Vec<Option<String>>, visit: Visit<'_, 't, L, B>) -> Option<B> {
        let literals = self
            .literals
            .iter()
            .map(|(text, node)| (std::str::from_utf8(text).ok().map(str::to_owned), node));
        let shapes = self.shapes.iter().map(|child| (child.shape.language().example(), &child.node));
        let plain = self.plain.iter().map(|node| (Some("x".to_owned()), &**node));
        for (text, node) in literals.chain(shapes).chain(plain) {
            example.push(text);
            let here = node.here.as_ref().and_then(|leaf| visit(leaf, example));
            let found = here.or_else(|| node.below(example, visit));
            example.pop();
            if found.is_some() {
                return found;
            }
        }
        let leaf = self.tail.as_ref()?;
        example.push(Some(String::new()));
        let found = visit(leaf, example);
        example.pop();
        found
    }
}

/// A text that the segment matches.
pub(super) fn sample(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Literal(text) => Some(text.to_string()),
        Segment::Plain(_) => Some("x".to_owned()),
        Segment::Shape(shape) => shape.language().example(),
    }
}
