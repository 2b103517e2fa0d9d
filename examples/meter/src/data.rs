//! The readings, as `data/water-flow.csv` holds them.

use metering::Reading;

const CSV: &str = include_str!("../data/water-flow.csv");

/// The reading number `seq`, counted from 0; none past the last one.
pub(crate) fn reading(seq: u32) -> Option<Reading> {
    let line = CSV.lines().skip(1).nth(usize::try_from(seq).ok()?)?;
    let (time, flow) = line.split_once(',')?;
    Some(Reading { seq, time: time.to_owned(), flow: flow.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_reading() {
        let readings: Vec<Reading> = (0..).map_while(reading).collect();
        assert_eq!(readings.len(), 1268);
        assert!(readings.iter().all(|reading| reading.flow > 0.0));
        assert_eq!(
            readings.first(),
            Some(&Reading { seq: 0, time: "2022-03-20T11:00:00+01:00".to_owned(), flow: 100.59 })
        );
        assert_eq!(reading(1268), None);
    }
}
