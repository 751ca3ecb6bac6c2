//! Human-readable times and sizes.

use std::time::Duration;

use chattrix::clock::{Clock, Timestamp};

/// The longest valid age: 100 years.
const LONGEST_AGE: Duration = Duration::from_hours(24 * 365 * 100);

/// Formats a duration by its two largest units: `820ms`, `4s`, `2m 5s`, `3h 12m`, `41d 6h`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes, seconds) {
        (0, 0, 0, 0) => format!("{}ms", duration.subsec_millis()),
        (0, 0, 0, 1..10) => format!("{seconds}.{}s", duration.subsec_millis() / 100),
        (0, 0, 0, _) => format!("{seconds}s"),
        (0, 0, _, _) => two((minutes, 'm'), (seconds % 60, 's')),
        (0, _, _, _) => two((hours, 'h'), (minutes, 'm')),
        _ => two((days, 'd'), (hours, 'h')),
    }
}

fn two((amount, unit): (u64, char), (rest, smaller): (u64, char)) -> String {
    match rest {
        0 => format!("{amount}{unit}"),
        _ => format!("{amount}{unit} {rest}{smaller}"),
    }
}

/// Formats the distance of `at` from `now`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        return format!("in {}", duration(at.since(now)));
    }
    format!("{} ago", duration(now.since(at)))
}

/// Formats a size by its largest unit, in powers of 1024: `512 B`, `4.0 KiB`, `1.2 GiB`.
pub fn bytes(bytes: u64) -> String {
    let mut unit = 1_u64;
    let mut name = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if bytes / unit < 1024 {
            break;
        }
        (unit, name) = (unit * 1024, larger);
    }
    if unit == 1 {
        return format!("{bytes} B");
    }
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

/// Parses an age: `2h`, `30d`.
pub fn age(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .ok()
        .filter(|age| !age.is_zero() && *age <= LONGEST_AGE)
        .ok_or_else(|| "expected an age such as 90s, 2h or 30d".to_owned())
}

/// Parses an age that may be zero: `0s` is now.
pub fn age_or_now(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .ok()
        .filter(|age| *age <= LONGEST_AGE)
        .ok_or_else(|| "expected an age such as 12h, 30d or 1y; 0s is now".to_owned())
}

/// Parses an instant or an age before now.
pub fn instant_or_age(text: &str) -> Result<Timestamp, String> {
    if let Some(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let age = age(text).map_err(|_| {
        "expected an instant such as 2024-01-15T10:30:00Z, or an age such as 2h or 30d".to_owned()
    })?;
    Ok(Clock::System.now().minus(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (ms, text) in [
            (0, "0ms"),
            (820, "820ms"),
            (4_250, "4.2s"),
            (59_999, "59s"),
            (60_000, "1m"),
            (125_000, "2m 5s"),
            (7_776_000_000, "90d"),
            (11_540_000, "3h 12m"),
            (3_564_000_000, "41d 6h"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn sizes_are_in_powers_of_1024() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(4096), "4.0 KiB");
        assert_eq!(bytes(1_288_490_189), "1.2 GiB");
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn instants_and_ages_are_told_apart() {
        let at = Timestamp::parse("2024-01-15T10:30:00Z").expect("an instant");
        assert_eq!(instant_or_age("2024-01-15T10:30:00Z"), Ok(at));
        let hour_ago = instant_or_age("1h").expect("an age");
        assert!(Clock::System.now().since(hour_ago) >= Duration::from_hours(1));
        for bad in ["", "yesterday", "5", "-1h", "0s", "200y"] {
            assert!(instant_or_age(bad).is_err(), "{bad}");
        }
    }
}
