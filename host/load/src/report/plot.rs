//! A plot of lines as SVG, for a page whose style sheet has the colours. Pure.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;
/// How many ticks there are about.
const TICKS: f64 = 5.0;

#[derive(Debug)]
pub(crate) struct Plot<'p> {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line<'p>>,
    /// What is shown where the pointer is: from, to, text.
    pub(crate) hints: Vec<(f64, f64, String)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// With its unit.
    pub(crate) label: &'static str,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) ticks: Vec<(f64, String)>,
}

#[derive(Debug)]
pub(crate) struct Line<'p> {
    /// Of the style sheet.
    pub(crate) class: &'p str,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Axis {
    /// From zero to somewhat above the highest value, in round steps.
    pub(crate) fn linear(label: &'static str, most: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_step(most / TICKS);
        let steps = (most / step).ceil();
        // As many places as the steps need.
        let places = (-step.log10().floor()).max(0.0) as usize;
        let ticks = (0..=steps as u32).map(|tick| f64::from(tick) * step);
        let ticks = ticks.map(|value| (value, format!("{value:.places$}"))).collect();
        Self { label, low: 0.0, high: steps * step, ticks }
    }

    /// As far as the values go, with ticks in round steps.
    pub(crate) fn exact(label: &'static str, most: f64) -> Self {
        let mut axis = Self::linear(label, most);
        axis.high = if most > 0.0 { most } else { 1.0 };
        let high = axis.high;
        axis.ticks.retain(|(value, _)| *value <= high);
        axis
    }

    fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten that is no less.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * 0.999);
    factor.unwrap_or(10.0) * power
}

impl Plot<'_> {
    pub(crate) fn svg(&self, title: &str) -> String {
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
        self.grid(&mut svg);
        for line in &self.lines {
            let mut points = String::new();
            for (x, y) in &line.points {
                let _ = write!(points, "{:.1},{:.1} ", self.at_x(*x), self.at_y(*y));
            }
            let _ = write!(svg, "<polyline class=\"{}\" points=\"{}\"/>", line.class, points.trim_end());
            // A line of one point would not be seen.
            if let [(x, y)] = line.points.as_slice() {
                let (x, y) = (self.at_x(*x), self.at_y(*y));
                let _ = write!(svg, "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>", line.class);
            }
        }
        for (from, to, text) in &self.hints {
            let (from, to) = (self.at_x(*from), self.at_x(*to));
            let _ = write!(
                svg,
                "<rect class=\"hint\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"><title>{text}</title></rect>",
                (to - from).max(0.0),
                HEIGHT - TOP - BOTTOM
            );
        }
        svg.push_str("</svg>");
        svg
    }

    fn at_x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn at_y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.place(value) * (HEIGHT - TOP - BOTTOM)
    }

    fn grid(&self, svg: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, label) in &self.y.ticks {
            let y = self.at_y(*value);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick end\" x=\"{}\" y=\"{:.1}\">{label}</text>",
                LEFT - 8.0,
                y + 4.0
            );
        }
        for (value, label) in &self.x.ticks {
            let x = self.at_x(*value);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{bottom}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>\
                 <text class=\"tick middle\" x=\"{x:.1}\" y=\"{:.1}\">{label}</text>",
                bottom + 4.0,
                bottom + 18.0
            );
        }
        let middle = (TOP + bottom) / 2.0;
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{bottom}\"/>\
             <text class=\"label middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
             <text class=\"label middle\" x=\"14\" y=\"{middle:.1}\" transform=\"rotate(-90 14 {middle:.1})\">{}</text>",
            (LEFT + right) / 2.0,
            HEIGHT - 6.0,
            self.x.label,
            self.y.label
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_steps() {
        for (most, high, ticks) in [
            (0.0, 1.0, vec!["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (7.3, 8.0, vec!["0", "2", "4", "6", "8"]),
            (1000.0, 1000.0, vec!["0", "200", "400", "600", "800", "1000"]),
            (0.012, 0.015, vec!["0.000", "0.005", "0.010", "0.015"]),
        ] {
            let axis = Axis::linear("x", most);
            assert!((axis.high - high).abs() < 1e-9, "{most}: {}", axis.high);
            assert_eq!(
                axis.ticks.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(),
                ticks,
                "{most}"
            );
        }
        assert_eq!(Axis::exact("x", 7.3).ticks.len(), 4);
    }

    #[test]
    fn points_are_where_the_axes_say() {
        let plot = Plot {
            x: Axis::exact("s", 10.0),
            y: Axis::linear("ms", 10.0),
            lines: vec![Line { class: "a", points: vec![(0.0, 0.0), (10.0, 10.0), (20.0, -1.0)] }],
            hints: Vec::new(),
        };
        let svg = plot.svg("title");
        // What is beyond an axis stays at its end.
        assert!(svg.contains("points=\"64.0,206.0 736.0,12.0 736.0,206.0\""), "{svg}");
    }
}
