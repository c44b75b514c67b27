//! A scenario's ratios as a picture (SVG), to be looked at beside its tables: for each
//! peer a bar a measure, from 1 to the median, and over it a line along the middle half.
//!
//! The axis is logarithmic, so that twice and half are equally long. What is better
//! than the peer is green, whichever way that is.

use std::fmt::Write as _;

use crate::compare::{AgainstPeer, Compared, Comparison};

const WIDTH: f64 = 760.0;
/// Where the axis begins and ends; names are before it, figures after.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 640.0;
const LINE: f64 = 24.0;
const MARGIN: f64 = 16.0;

/// The axis: powers of two.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    low: i32,
    high: i32,
}

/// `None` where there is nothing to show.
pub(crate) fn svg(name: &str, ours: &str, comparison: &Comparison) -> Option<String> {
    let peers: Vec<_> = comparison.peers.iter().filter(|peer| !peer.measures.is_empty()).collect();
    if peers.is_empty() {
        return None;
    }
    let axis = Axis::of(peers.iter().flat_map(|peer| &peer.measures));
    let lines: usize = peers.iter().map(|peer| peer.measures.len() + 2).sum();
    let height = 2.0 * MARGIN + LINE * (lines + 1) as f64;
    // Writing to a String cannot fail.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n\
         <title>{name}: ratios of {ours} to its peers</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut y = MARGIN;
    for peer in peers {
        chart(&mut svg, ours, peer, axis, &mut y);
    }
    write!(svg, "<text x=\"{MARGIN}\" y=\"{}\" fill=\"#666\">", y + 16.0).ok();
    svg.push_str("A bar ends at the median of the ratios, a line spans their middle half; ");
    svg.push_str("green is better than the peer.</text>\n</svg>\n");
    Some(svg)
}

/// One peer, from `y` down.
fn chart(svg: &mut String, ours: &str, against: &AgainstPeer, axis: Axis, y: &mut f64) {
    let AgainstPeer { peer, rounds, calm, measures, .. } = against;
    writeln!(
        svg,
        "<text x=\"{MARGIN}\" y=\"{}\" font-weight=\"bold\">{ours} : {peer}, {calm} calm pairs of {rounds}</text>",
        *y + 16.0
    )
    .ok();
    *y += LINE;
    let bottom = *y + LINE * measures.len() as f64;
    for power in axis.low..=axis.high {
        let (x, colour) = (axis.x(2_f64.powi(power)), if power == 0 { "#222" } else { "#ddd" });
        writeln!(svg, "<path d=\"M{x:.1} {y:.1}V{bottom:.1}\" stroke=\"{colour}\"/>").ok();
        writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#666\" text-anchor=\"middle\">{}</text>",
            bottom + 13.0,
            tick(power)
        )
        .ok();
    }
    for compared in measures {
        bar(svg, compared, axis, *y + LINE / 2.0);
        *y += LINE;
    }
    *y += LINE;
}

fn bar(svg: &mut String, compared: &Compared, axis: Axis, middle: f64) {
    let ratio = compared.ratio;
    let (one, median) = (axis.x(1.0), axis.x(ratio.median));
    let (low, high) = (axis.x(ratio.low), axis.x(ratio.high));
    let is_better = (ratio.median >= 1.0) == compared.measure.more_is_better();
    let colour = if is_better { "#4c9f70" } else { "#d9822b" };
    writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\" fill=\"{colour}\"/>\n\
         <path d=\"M{low:.1} {middle:.1}H{high:.1}\" stroke=\"#222\" stroke-width=\"2\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>",
        LEFT - 10.0,
        middle + 4.5,
        compared.measure.name(),
        one.min(median),
        middle - 7.0,
        (one - median).abs(),
        RIGHT + 10.0,
        middle + 4.5,
        ratio.median,
    )
    .ok();
}

/// `1/4`, `1`, `4`
fn tick(power: i32) -> String {
    let value = 1_u64.checked_shl(power.unsigned_abs()).unwrap_or(u64::MAX);
    if power < 0 { format!("1/{value}") } else { value.to_string() }
}

impl Axis {
    /// From the least to the greatest, with 1 in it, and a step on either side at least.
    fn of<'a>(all: impl Iterator<Item = &'a Compared>) -> Self {
        let ends = all.flat_map(|compared| [compared.ratio.low, compared.ratio.high]);
        // What is zero or unbounded is drawn at the end of the axis.
        let powers = ends.map(f64::log2).filter(|power| power.is_finite());
        powers.fold(Self { low: -1, high: 1 }, |axis, power| Self {
            low: axis.low.min(power.floor() as i32),
            high: axis.high.max(power.ceil() as i32),
        })
    }

    fn x(self, ratio: f64) -> f64 {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        LEFT + (RIGHT - LEFT) * (ratio.log2().clamp(low, high) - low) / (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Alone;
    use crate::row::Measure;
    use crate::statistics::Spread;

    fn compared(measure: Measure, low: f64, median: f64, high: f64) -> Compared {
        let spread = Spread { median, low, high };
        Compared { measure, ours: spread, theirs: spread, ratio: spread }
    }

    #[test]
    fn the_axis_holds_all_and_one() {
        for (low, high, expected) in
            [(0.9, 1.1, (-1, 1)), (0.2, 0.3, (-3, 1)), (3.0, 30.0, (-1, 5)), (0.0, f64::INFINITY, (-1, 1))]
        {
            let axis = Axis::of([compared(Measure::Cpu, low, low, high)].iter());
            assert_eq!((axis.low, axis.high), expected, "{low} to {high}");
            let inside = LEFT..=RIGHT;
            assert!([low, 1.0, high].iter().all(|ratio| inside.contains(&axis.x(*ratio))));
        }
        assert_eq!(Axis { low: -1, high: 1 }.x(1.0), (LEFT + RIGHT) / 2.0);
    }

    #[test]
    fn less_cpu_and_more_requests_are_better() {
        let against = |measures| Comparison {
            alone: Alone { rounds: 9, calm: 9, measures: Vec::new(), aims: Vec::new() },
            peers: vec![AgainstPeer { peer: "peer", rounds: 9, calm: 9, measures, aims: Vec::new() }],
        };
        for (measure, ratio, colour) in [
            (Measure::Cpu, 0.5, "#4c9f70"),
            (Measure::Cpu, 2.0, "#d9822b"),
            (Measure::Requests, 2.0, "#4c9f70"),
            (Measure::Requests, 0.5, "#d9822b"),
        ] {
            let comparison = against(vec![compared(measure, ratio, ratio, ratio)]);
            let svg = svg("test", "ours", &comparison).unwrap();
            assert!(svg.contains(colour) && svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
            assert!(svg.contains(measure.name()) && svg.contains("ours : peer, 9 calm pairs of 9"));
        }
        assert_eq!(svg("test", "ours", &against(Vec::new())), None);
    }
}
