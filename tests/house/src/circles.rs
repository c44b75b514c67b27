//! Files that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::tree::Arrow;

/// The circles, each as `a.rs:12 -> b.rs:7 -> a.rs`: short ones first, and none that has
/// an arrow in common with one before it, since that may go with it.
pub(crate) fn circles(arrows: &[Arrow]) -> Vec<String> {
    let mut from: BTreeMap<&str, Vec<&Arrow>> = BTreeMap::new();
    for arrow in arrows {
        from.entry(&arrow.from).or_default().push(arrow);
    }
    let mut circles: Vec<Vec<&Arrow>> = arrows
        .iter()
        .filter_map(|arrow| Some(std::iter::once(arrow).chain(way(&from, &arrow.to, &arrow.from)?).collect()))
        .collect();
    circles.sort_by_key(Vec::len);
    let mut shown = BTreeSet::new();
    circles.retain(|circle| {
        let new = !circle.iter().any(|arrow| shown.contains(arrow));
        if new {
            shown.extend(circle.iter().copied());
        }
        new
    });
    circles.iter().map(|circle| print(circle)).collect()
}

/// The shortest way along the arrows.
fn way<'a>(arrows: &BTreeMap<&str, Vec<&'a Arrow>>, start: &str, end: &str) -> Option<Vec<&'a Arrow>> {
    let mut came: BTreeMap<&str, &Arrow> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for arrow in arrows.get(file).into_iter().flatten() {
            if arrow.to != start && !came.contains_key(arrow.to.as_str()) {
                came.insert(&arrow.to, arrow);
                queue.push_back(&arrow.to);
            }
        }
    }
    let mut way = Vec::new();
    let mut at = end;
    while at != start {
        let arrow = came.get(at)?;
        way.push(*arrow);
        at = &arrow.from;
    }
    way.reverse();
    Some(way)
}

fn print(circle: &[&Arrow]) -> String {
    let mut text = String::new();
    for arrow in circle {
        text += &format!("{}:{} ({}) -> ", arrow.from, arrow.line, arrow.path);
    }
    text + circle.first().map_or("", |arrow| &arrow.from)
}
