//! Arrows that are wrong and known: the only place for exceptions, each with its
//! reason. One that nothing needs any more is a failure, too.

use std::collections::BTreeSet;

use crate::tree::Arrow;

/// From and to what (folders end in `/`), and why.
pub(crate) type Known = (&'static str, &'static str, &'static str);

pub(crate) const CIRCLES: &[Known] = &[];

pub(crate) const FLOORS: &[Known] = &[];

/// Which of them were needed.
#[derive(Default)]
pub(crate) struct Used(BTreeSet<usize>);

impl Used {
    pub(crate) fn excuses(&mut self, known: &[Known], arrow: &Arrow) -> bool {
        let found =
            known.iter().position(|(from, to, _)| arrow.from.starts_with(from) && arrow.to.starts_with(to));
        self.0.extend(found);
        found.is_some()
    }

    pub(crate) fn unneeded(&self, known: &[Known]) -> Vec<String> {
        let idle = known.iter().enumerate().filter(|(index, _)| !self.0.contains(index));
        idle.map(|(_, (from, to, _))| {
            format!("tests/house/src/known.rs: nothing needs the exception from {from} to {to}")
        })
        .collect()
    }
}
