//! A tree by places: segments of a path from the left, or labels of a host from the
//! right. The same search, with the same precedence, serves both.
//!
//! A node has one child for each literal text, one for each different shape, in the
//! order in which they are asked, and one for a plain parameter. The search is depth
//! first and visits a node at most once; children that no route of the right length
//! lies below are passed over.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::Captures;
use super::order::{self, Order};
use super::segment::Segment;
use super::shape::Shape;

/// What is searched for: a path or a host.
pub(super) trait Places<'p> {
    /// How many places there are.
    fn count(&self) -> usize;
    /// The text of one.
    fn place(&self, at: usize) -> Option<&'p [u8]>;
    /// The text of this one and all after it.
    fn rest(&self, at: usize) -> &'p [u8];
}

/// A node with what is below it.
#[derive(Debug)]
pub(super) struct Tree<L> {
    pub(super) literals: Literals<L>,
    pub(super) shapes: Vec<ShapeChild<L>>,
    pub(super) plain: Option<Box<Self>>,
    pub(super) here: Option<L>,
    pub(super) tail: Option<L>,
    lengths: Lengths,
}

#[derive(Debug)]
pub(super) struct ShapeChild<L> {
    pub(super) shape: Arc<Shape>,
    pub(super) node: Tree<L>,
    /// The keys of the shapes of this place that are asked before it.
    follows: Vec<String>,
}

/// The children for literal texts: a few are searched through, more are hashed.
#[derive(Debug)]
pub(super) struct Literals<L> {
    all: Vec<(Box<[u8]>, Tree<L>)>,
    /// Where in `all` each is, once they are many.
    index: HashMap<Box<[u8]>, usize, FxBuildHasher>,
    /// The longest, so that longer texts are not hashed.
    longest: usize,
}

/// As many literals are searched through.
const FEW: usize = 4;

impl<L> Default for Literals<L> {
    fn default() -> Self {
        Self { all: Vec::new(), index: HashMap::default(), longest: 0 }
    }
}

impl<L> Literals<L> {
    pub(super) fn get(&self, text: &[u8]) -> Option<&Tree<L>> {
        if self.all.len() <= FEW {
            return self.all.iter().find(|(literal, _)| **literal == *text).map(|(_, node)| node);
        }
        if text.len() > self.longest {
            return None;
        }
        self.index.get(text).and_then(|&at| self.all.get(at)).map(|(_, node)| node)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Tree<L>)> {
        self.all.iter().map(|(text, node)| (&**text, node))
    }

    /// The child for `text`; made where there is none yet.
    fn node(&mut self, text: &[u8]) -> &mut Tree<L> {
        let at = match self.index.get(text) {
            Some(&at) => at,
            None => {
                self.index.insert(text.into(), self.all.len());
                self.longest = self.longest.max(text.len());
                self.all.push((text.into(), Tree::default()));
                self.all.len() - 1
            }
        };
        &mut self.all[at].1
    }
}

/// With how many more places a route below a node ends.
#[derive(Debug, Default, Clone, Copy)]
struct Lengths {
    /// Bit n: one ends after n.
    exact: u64,
    /// One with a tail takes this many or more.
    tail: Option<usize>,
}

impl Lengths {
    fn fit(self, left: usize) -> bool {
        (left < 64 && self.exact >> left & 1 == 1) || self.tail.is_some_and(|least| left >= least)
    }

    fn add(&mut self, left: usize, tail: bool) {
        if tail {
            // A tail stands for at least the slash before it.
            self.tail = Some(self.tail.map_or(left + 1, |least| least.min(left + 1)));
        } else if left < 64 {
            self.exact |= 1 << left;
        }
    }
}

impl<L> Default for Tree<L> {
    fn default() -> Self {
        Self {
            literals: Literals::default(),
            shapes: Vec::new(),
            plain: None,
            here: None,
            tail: None,
            lengths: Lengths::default(),
        }
    }
}

impl<L: Default> Tree<L> {
    /// The leaf of a pattern; made where there is none yet.
    pub(super) fn leaf(&mut self, segments: &[Segment], tail: bool) -> &mut L {
        self.lengths.add(segments.len(), tail);
        match segments.split_first() {
            None if tail => self.tail.get_or_insert_default(),
            None => self.here.get_or_insert_default(),
            Some((Segment::Literal(text), rest)) => self.literals.node(text.as_bytes()).leaf(rest, tail),
            Some((Segment::Plain(_), rest)) => self.plain.get_or_insert_default().leaf(rest, tail),
            Some((Segment::Shape(shape), rest)) => self.shape(shape).leaf(rest, tail),
        }
    }

    fn shape(&mut self, shape: &Arc<Shape>) -> &mut Self {
        if !self.shapes.iter().any(|child| child.shape.key() == shape.key()) {
            let mut new = ShapeChild { shape: shape.clone(), node: Self::default(), follows: Vec::new() };
            for child in &mut self.shapes {
                match order::compare(shape, &child.shape) {
                    Order::Before => child.follows.push(shape.key().to_owned()),
                    Order::After => new.follows.push(child.shape.key().to_owned()),
                    Order::Same | Order::Apart | Order::Tie(_) => {}
                }
            }
            let mut shapes = std::mem::take(&mut self.shapes);
            shapes.push(new);
            self.shapes = order::sort(
                shapes,
                |child| child.shape.key(),
                |a, b| a.follows.iter().any(|key| key == b.shape.key()),
            );
        }
        let at = self.shapes.iter().position(|child| child.shape.key() == shape.key()).unwrap_or_default();
        &mut self.shapes[at].node
    }
}

impl<L> Tree<L> {
    pub(super) fn is_empty(&self) -> bool {
        self.lengths.exact == 0 && self.lengths.tail.is_none()
    }

    /// Shows the leaves that match to `visit`, the most specific first, until it
    /// answers. With each come what the parameters took, and where a tail begins.
    pub(super) fn search<'t, 'p, B>(
        &'t self,
        places: &impl Places<'p>,
        captures: &mut Captures<'p>,
        visit: &mut impl FnMut(&'t L, &mut Captures<'p>, Option<usize>) -> Option<B>,
    ) -> Option<B> {
        self.search_from(places, 0, captures, visit)
    }

    fn search_from<'t, 'p, B>(
        &'t self,
        places: &impl Places<'p>,
        at: usize,
        captures: &mut Captures<'p>,
        visit: &mut impl FnMut(&'t L, &mut Captures<'p>, Option<usize>) -> Option<B>,
    ) -> Option<B> {
        let Some(text) = places.place(at) else {
            return self.here.as_ref().and_then(|leaf| visit(leaf, captures, None));
        };
        let mark = captures.len();
        let left = places.count().saturating_sub(at + 1);
        if let Some(node) = self.literals.get(text)
            && node.lengths.fit(left)
            && let found @ Some(_) = node.search_from(places, at + 1, captures, visit)
        {
            return found;
        }
        if !text.is_empty() {
            for ShapeChild { shape, node, .. } in &self.shapes {
                if node.lengths.fit(left)
                    && shape.matches(text, captures)
                    && let found @ Some(_) = node.search_from(places, at + 1, captures, visit)
                {
                    return found;
                }
                captures.truncate(mark);
            }
            if let Some(node) = &self.plain
                && node.lengths.fit(left)
            {
                captures.push(text);
                if let found @ Some(_) = node.search_from(places, at + 1, captures, visit) {
                    return found;
                }
                captures.truncate(mark);
            }
        }
        let leaf = self.tail.as_ref()?;
        captures.push(places.rest(at));
        let found = visit(leaf, captures, Some(at));
        if found.is_none() {
            captures.truncate(mark);
        }
        found
    }

    /// Shows all leaves in the order of precedence; texts by name.
    pub(super) fn each<'t>(&'t self, visit: &mut impl FnMut(&'t L)) {
        self.here.iter().for_each(&mut *visit);
        let mut literals: Vec<_> = self.literals.iter().collect();
        literals.sort_by_key(|(text, _)| *text);
        literals.into_iter().for_each(|(_, node)| node.each(visit));
        self.shapes.iter().for_each(|child| child.node.each(visit));
        self.plain.iter().for_each(|node| node.each(visit));
        self.tail.iter().for_each(visit);
    }
}
