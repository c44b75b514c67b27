//! From runs to figures: ours alone, and as ratios to a peer's in the same round, if
//! both were calm.

use std::collections::BTreeMap;

use crate::aim::{Aim, FEWEST_PAIRS, Of, Verdict};
use crate::row::{Measure, Row};
use crate::scenarios::Served;
use crate::statistics::Spread;

/// Ours alone and beside all its peers.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) alone: Alone,
    pub(crate) peers: Vec<AgainstPeer>,
}

/// Ours alone.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) rounds: usize,
    pub(crate) calm: usize,
    pub(crate) measures: Vec<(Measure, Spread)>,
    pub(crate) aims: Vec<(Aim, Verdict)>,
}

/// Ours beside one peer.
#[derive(Debug)]
pub(crate) struct AgainstPeer {
    pub(crate) peer: &'static str,
    pub(crate) rounds: usize,
    pub(crate) calm: usize,
    pub(crate) measures: Vec<Compared>,
    pub(crate) aims: Vec<(Aim, Verdict)>,
}

/// One measure over the calm pairs.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) measure: Measure,
    pub(crate) ours: Spread,
    pub(crate) theirs: Spread,
    pub(crate) ratio: Spread,
}

impl Comparison {
    pub(crate) fn of(ours: &str, peers: &[&'static str], aims: &[Aim], rows: &[Row]) -> Self {
        let of_peer = |peer: &&'static str| AgainstPeer::of(ours, peer, aims, rows);
        Self { alone: Alone::of(ours, aims, rows), peers: peers.iter().map(of_peer).collect() }
    }

    pub(crate) fn of_served(served: &Served, rows: &[Row]) -> Self {
        let peers: Vec<_> = served.peers.iter().map(|peer| peer.name).collect();
        Self::of(served.ours.name, &peers, served.aims, rows)
    }

    /// Whether there are so many calm rounds, with each peer where there are any, and
    /// as many as each aim asks for.
    pub(crate) fn is_enough(&self, pairs: usize) -> bool {
        let of_aims = self.alone.aims.iter().map(|(aim, _)| match aim.of {
            Of::Rounds(rounds) => rounds,
            Of::Peer(_) => 0,
        });
        let alone = of_aims.max().unwrap_or(if self.peers.is_empty() { pairs } else { 0 });
        self.alone.calm >= alone && self.peers.iter().all(|peer| peer.calm >= pairs)
    }

    /// Of all aims together. Without any there is nothing to miss.
    pub(crate) fn verdict(&self) -> Verdict {
        let aims = self.peers.iter().flat_map(|peer| &peer.aims).chain(&self.alone.aims);
        aims.map(|(_, verdict)| *verdict).max().unwrap_or(Verdict::Met)
    }
}

impl Alone {
    fn of(ours: &str, aims: &[Aim], rows: &[Row]) -> Self {
        let all: Vec<_> = rows.iter().filter(|row| row.subject == ours).collect();
        let calm: Vec<_> = all.iter().filter(|row| row.disturbance.calm).collect();
        let spread = |measure: Measure| {
            let values: Option<Vec<_>> = calm.iter().map(|row| measure.of(row)).collect();
            Some((measure, Spread::of(values?)?))
        };
        let measures: Vec<_> = Measure::ALL.into_iter().filter_map(spread).collect();
        let verdict = |aim: &Aim| {
            let Of::Rounds(rounds) = aim.of else { return None };
            let found = measures.iter().find(|(measure, _)| *measure == aim.measure);
            let median = found.map(|(_, spread)| spread.median).filter(|_| calm.len() >= rounds);
            Some((*aim, aim.bound.verdict(median)))
        };
        let aims = aims.iter().filter_map(verdict).collect();
        Self { rounds: all.len(), calm: calm.len(), measures, aims }
    }
}

impl AgainstPeer {
    fn of(ours: &str, peer: &'static str, aims: &[Aim], rows: &[Row]) -> Self {
        let all = pairs(ours, peer, rows);
        let calm: Vec<_> = all.iter().copied().filter(|pair| is_calm(*pair)).collect();
        let measures: Vec<_> =
            Measure::ALL.into_iter().filter_map(|measure| Compared::of(measure, &calm)).collect();
        let verdict = |aim: &Aim| {
            let found = measures.iter().find(|compared| compared.measure == aim.measure);
            let median = found.map(|compared| compared.ratio.median).filter(|_| calm.len() >= FEWEST_PAIRS);
            aim.bound.verdict(median)
        };
        let aims = aims.iter().filter(|aim| matches!(aim.of, Of::Peer(name) if name == peer));
        let aims = aims.map(|aim| (*aim, verdict(aim))).collect();
        Self { peer, rounds: all.len(), calm: calm.len(), measures, aims }
    }
}

impl Compared {
    fn of(measure: Measure, pairs: &[(&Row, &Row)]) -> Option<Self> {
        let values: Option<Vec<_>> =
            pairs.iter().map(|(ours, theirs)| measure.of(ours).zip(measure.of(theirs))).collect();
        let values = values?;
        Some(Self {
            measure,
            ours: Spread::of(values.iter().map(|(ours, _)| *ours))?,
            theirs: Spread::of(values.iter().map(|(_, theirs)| *theirs))?,
            ratio: Spread::of(values.iter().map(|(ours, theirs)| ours / theirs))?,
        })
    }
}

fn pairs<'a>(ours: &str, peer: &str, rows: &'a [Row]) -> Vec<(&'a Row, &'a Row)> {
    let of = |name: &str| -> BTreeMap<u32, &'a Row> {
        rows.iter().filter(|row| row.subject == name).map(|row| (row.round, row)).collect()
    };
    let theirs = of(peer);
    of(ours).into_iter().filter_map(|(round, row)| Some((row, *theirs.get(&round)?))).collect()
}

fn is_calm((ours, theirs): (&Row, &Row)) -> bool {
    ours.disturbance.calm && theirs.disturbance.calm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aim::Bound;
    use crate::row::tests::row;

    const AIM: Aim = Aim { measure: Measure::Cpu, bound: Bound::AtMost(1.1), of: Of::Peer("peer") };

    /// Rounds of ours and the peer's CPU time and steal.
    fn against(rounds: &[(f64, f64, f64, f64)]) -> AgainstPeer {
        let rows: Vec<_> = rounds
            .iter()
            .zip(0..)
            .flat_map(|((ours, steal, theirs, their_steal), round)| {
                [row("ours", round, *ours, *steal), row("peer", round, *theirs, *their_steal)]
            })
            .collect();
        AgainstPeer::of("ours", "peer", &[AIM], &rows)
    }

    #[test]
    fn a_ratio_is_of_one_round() {
        // Both are slower in later rounds; ours is always a tenth below.
        let rounds: Vec<_> = (1..=6).map(|n| (0.9 * f64::from(n), 0.0, f64::from(n), 0.0)).collect();
        let found = against(&rounds);
        let cpu = found.measures.iter().find(|compared| compared.measure == Measure::Cpu).unwrap();
        assert!((cpu.ratio.median - 0.9).abs() < 1e-9 && cpu.ratio.high - cpu.ratio.low < 1e-9);
        assert_eq!((found.calm, found.aims[0].1), (6, Verdict::Met));
        assert!(found.measures.iter().all(|compared| compared.measure != Measure::P99));
    }

    #[test]
    fn a_pair_counts_only_if_both_were_calm() {
        let found = against(&[
            (1.0, 0.0, 1.0, 0.0),
            (9.0, 4.1, 1.0, 0.0),
            (1.0, 0.0, 0.1, 30.0),
            (1.0, 4.0, 1.0, 0.0),
            (1.0, 0.0, 1.0, 0.0),
            (1.0, 0.0, 1.0, 0.0),
        ]);
        assert_eq!((found.rounds, found.calm), (6, 4));
        assert_eq!(found.aims[0].1, Verdict::Inconclusive);
    }

    #[test]
    fn nothing_calm_is_inconclusive() {
        let found = against(&[(1.0, 50.0, 1.0, 50.0)]);
        assert!(found.measures.is_empty());
        let alone = Alone::of("ours", &[], &[]);
        assert_eq!(Comparison { alone, peers: vec![found] }.verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn ours_alone_takes_as_many_calm_rounds_as_the_aim_says() {
        let aim = Aim { measure: Measure::P50, bound: Bound::AtMost(2.0), of: Of::Rounds(3) };
        let rows: Vec<_> = [(1.0, 0.0), (9.0, 30.0), (2.0, 0.0), (3.0, 0.0)]
            .into_iter()
            .zip(0..)
            .map(|((p50, steal), round)| row("ours", round, p50, steal))
            .collect();
        for (rows, expected, calm) in [(&rows[..], Verdict::Met, 3), (&rows[..3], Verdict::Inconclusive, 2)] {
            let alone = Alone::of("ours", &[aim, AIM], rows);
            assert_eq!((alone.aims.len(), alone.aims[0].1, alone.calm), (1, expected, calm));
            let comparison = Comparison { alone, peers: Vec::new() };
            assert_eq!(comparison.is_enough(1), expected == Verdict::Met);
        }
    }
}
