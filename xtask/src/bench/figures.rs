//! Arithmetic on samples.

use std::time::Duration;

/// The middle of `values`; of two middles the lower.
pub(crate) fn median<T: Ord + Copy>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// The median over all rounds of `ours / theirs`, both taken in the same round.
pub(crate) fn paired_ratio(ours: &[Duration], theirs: &[Duration]) -> Option<f64> {
    let pairs = ours.iter().zip(theirs).filter(|(_, theirs)| !theirs.is_zero());
    let mut ratios: Vec<f64> =
        pairs.map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64()).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len().checked_sub(1)? / 2).copied()
}

/// `median / minimum`, in milliseconds.
pub(crate) fn milliseconds(walls: &[Duration]) -> Option<String> {
    let (median, minimum) = (median(walls)?, walls.iter().min()?);
    Some(format!("{} / {}", short(median.as_secs_f64() * 1e3), short(minimum.as_secs_f64() * 1e3)))
}

/// The median of differences in nanoseconds, in milliseconds.
pub(super) fn added(differences: &[i64]) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "three digits are printed")]
    median(differences).map(|difference| format!("{:+.2}", difference as f64 / 1e6))
}

/// A number with as many digits as a reader can use.
fn short(number: f64) -> String {
    match number {
        n if n < 10.0 => format!("{n:.2}"),
        n if n < 100.0 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[9, 1, 5]), Some(5));
        assert_eq!(median(&[9, 1, 5, 7]), Some(5));
        assert_eq!(median::<u32>(&[]), None);
    }

    #[test]
    fn a_ratio_compares_the_same_round() {
        let (ours, theirs) = ([MS, 10 * MS, 2 * MS], [2 * MS, 20 * MS, 8 * MS]);
        assert_eq!(paired_ratio(&ours, &theirs), Some(0.5));
        assert_eq!(paired_ratio(&[], &theirs), None);
    }

    #[test]
    fn differences_print_with_their_sign() {
        assert_eq!(added(&[150_000, -20_000, 900_000]).unwrap(), "+0.15");
        assert_eq!(added(&[-1_500_000]).unwrap(), "-1.50");
        assert_eq!(added(&[]), None);
    }

    #[test]
    fn times_print_as_median_and_minimum() {
        assert_eq!(milliseconds(&[12 * MS, 3 * MS, 150 * MS]).unwrap(), "12.0 / 3.00");
        assert_eq!(milliseconds(&[150 * MS]).unwrap(), "150 / 150");
    }
}
