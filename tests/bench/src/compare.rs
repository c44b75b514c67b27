//! From runs to ratios: ours to a peer's in the same round, if both were calm.

use std::collections::BTreeMap;

use crate::aim::{Aim, Verdict};
use crate::row::{Measure, Row};
use crate::scenarios::Served;
use crate::statistics::Spread;

/// Ours beside all its peers.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) peers: Vec<AgainstPeer>,
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
    pub(crate) fn of(served: &Served, rows: &[Row]) -> Self {
        let of_peer = |peer| AgainstPeer::of(served.ours.name, peer, served.aims, rows);
        Self { peers: served.peers.iter().map(|peer| of_peer(peer.name)).collect() }
    }

    /// Of all aims together. Without any there is nothing to miss.
    pub(crate) fn verdict(&self) -> Verdict {
        let aims = self.peers.iter().flat_map(|peer| &peer.aims);
        aims.map(|(_, verdict)| *verdict).max().unwrap_or(Verdict::Met)
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
            aim.bound.verdict(found.map(|compared| compared.ratio.median), calm.len())
        };
        let aims = aims.iter().filter(|aim| aim.peer == peer).map(|aim| (*aim, verdict(aim))).collect();
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

/// How many pairs there are that count.
pub(crate) fn calm_pairs(ours: &str, peer: &str, rows: &[Row]) -> usize {
    pairs(ours, peer, rows).into_iter().filter(|pair| is_calm(*pair)).count()
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

    const AIM: Aim = Aim { measure: Measure::Cpu, bound: Bound::AtMost(1.1), peer: "peer" };

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
        assert_eq!(Comparison { peers: vec![found] }.verdict(), Verdict::Inconclusive);
    }
}
