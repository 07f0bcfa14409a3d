//! Numbers as a reader takes them in.

use maud::{Markup, html};

/// A number with so many decimals, and a true minus.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    // What rounds to zero has no sign.
    match text.strip_prefix('-') {
        Some(zero) if zero.chars().all(|digit| matches!(digit, '0' | '.')) => zero.to_owned(),
        Some(digits) => format!("\u{2212}{digits}"),
        None => text,
    }
}

/// A number as shown, with all its digits for machines.
pub(crate) fn data(value: f64, decimals: usize) -> Markup {
    html! { data value=(value) { (fixed(value, decimals)) } }
}

/// A share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    format!("{}\u{a0}%", fixed(share * 100.0, 0))
}

/// A count with its thousands apart.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in the two units that matter.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1}\u{a0}s");
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}\u{a0}s"),
        (0, _) => format!("{minutes}\u{a0}min {rest:02}\u{a0}s"),
        _ => format!("{hours}\u{a0}h {minutes:02}\u{a0}min"),
    }
}

/// A place to a tenth of a pixel: finer than a screen, and short on the page.
pub(crate) fn tenths(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounds_to_zero_has_no_sign() {
        assert_eq!(fixed(-0.04, 1), "0.0");
        assert_eq!(fixed(-0.06, 1), "\u{2212}0.1");
        assert_eq!(fixed(10.25, 2), "10.25");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(30_000), "30,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn a_time_has_two_units_at_most() {
        assert_eq!(duration(0.44), "0.4\u{a0}s");
        assert_eq!(duration(9.96), "10\u{a0}s");
        assert_eq!(duration(59.7), "1\u{a0}min 00\u{a0}s");
        assert_eq!(duration(3_725.0), "1\u{a0}h 02\u{a0}min");
    }
}
