//! The values that flags and arguments carry: what Go's `strconv` and `time`, and Docker's size units, accept, with the
//! same words for what they refuse. Runs in: parent.

use std::time::Duration;

use crate::quote::quote;

/// Why a number was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberError {
    /// Not a number.
    Syntax,
    /// A number that does not fit.
    Range,
}

impl NumberError {
    /// As the message of Go's `strconv` function `function` for `text`.
    pub(super) fn strconv(self, function: &str, text: &str) -> String {
        let reason = match self {
            Self::Syntax => "invalid syntax",
            Self::Range => "value out of range",
        };
        format!("strconv.{function}: parsing {}: {reason}", quote(text))
    }
}

/// A boolean as in `--force=VALUE`.
#[must_use]
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The message for a boolean that is none, where no flag has checked it before.
#[must_use]
pub(super) fn not_boolean(text: &str) -> String {
    NumberError::Syntax.strconv("ParseBool", text)
}

/// An integer in Go's notation: decimal, `0x`, `0o` or `0`, `0b`, with `_` between digits.
///
/// # Errors
/// [`NumberError`], for what is no such integer or does not fit 64 bits.
pub(super) fn integer(text: &str) -> Result<i64, NumberError> {
    let (negative, digits) = sign(text);
    let (radix, digits) = radix(digits);
    let misplaced = digits.ends_with('_') || digits.contains("__") || radix == 10 && digits.starts_with('_');
    let plain = digits.replace('_', "");
    if misplaced || plain.is_empty() || !plain.chars().all(|digit| digit.is_digit(radix)) {
        return Err(NumberError::Syntax);
    }
    let magnitude = i128::from_str_radix(&plain, radix).map_err(|_| NumberError::Range)?;
    i64::try_from(if negative { -magnitude } else { magnitude }).map_err(|_| NumberError::Range)
}

/// 64 bits in the same notation; a negative number is its two's complement, as a call passes it.
///
/// # Errors
/// As [`integer`].
pub(super) fn unsigned(text: &str) -> Result<u64, NumberError> {
    if text.starts_with('-') {
        return integer(text).map(i64::cast_unsigned);
    }
    let (radix, digits) = radix(text);
    match u64::from_str_radix(digits, radix) {
        Ok(number) if !digits.starts_with('+') => Ok(number),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => Err(NumberError::Range),
        Ok(_) | Err(_) => Err(NumberError::Syntax),
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn radix(digits: &str) -> (u32, &str) {
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some(two) if two.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    }
}

/// A decimal number as Go's `strconv` functions without prefixes read it; `function` is named in the message.
///
/// # Errors
/// The message, ready to print.
pub(super) fn decimal<T: TryFrom<i128>>(text: &str, function: &str) -> Result<T, String> {
    let (negative, digits) = if function == "ParseUint" { (false, text) } else { sign(text) };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NumberError::Syntax.strconv(function, text));
    }
    let magnitude = digits.parse::<i128>().map_err(|_| NumberError::Range.strconv(function, text))?;
    let value = if negative { -magnitude } else { magnitude };
    T::try_from(value).map_err(|_| NumberError::Range.strconv(function, text))
}

/// A length of time in Go's notation: `5s`, `1h30m`, `1.5ms`, `0`.
///
/// Returns `None` for anything else, and for more than 292 years. A negative length is none: zero.
#[must_use]
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (negative, mut rest) = sign(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds: u64 = 0;
    while !rest.is_empty() {
        let (part, behind) = duration_part(rest)?;
        nanoseconds = nanoseconds.checked_add(part).filter(|sum| i64::try_from(*sum).is_ok())?;
        rest = behind;
    }
    Some(if negative { Duration::ZERO } else { Duration::from_nanos(nanoseconds) })
}

/// One number with its unit, in nanoseconds, and what follows it.
fn duration_part(text: &str) -> Option<(u64, &str)> {
    let whole_end = text.find(|c: char| !c.is_ascii_digit())?;
    let (whole, rest) = text.split_at(whole_end);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(behind) => behind.split_at(behind.find(|c: char| !c.is_ascii_digit())?),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, behind) = rest.split_at(unit_end);
    let scale: u64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    Some((whole.checked_mul(scale)?.checked_add(fraction_of(fraction, scale))?, behind))
}

/// `0.fraction * scale`, cut to whole nanoseconds.
fn fraction_of(fraction: &str, scale: u64) -> u64 {
    let digits = fraction.bytes().take(18).map(|digit| u128::from(digit - b'0'));
    let (value, unit) = digits.fold((0_u128, 1_u128), |(value, unit), digit| (value * 10 + digit, unit * 10));
    u64::try_from(value * u128::from(scale) / unit).unwrap_or(u64::MAX)
}

/// A size in bytes with Docker's units, base 1024: `64m`, `1.5GiB`, `512 k`, `1024`.
///
/// # Errors
/// The message, ready to print: `invalid size: 'bad'`, `invalid suffix: 'x'`.
pub(super) fn ram_in_bytes(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(invalid)?;
    let (number, suffix) = text.split_at(last + 1);
    let number = number.strip_suffix(' ').unwrap_or(number);
    let size: f64 = number.parse().map_err(|_| NumberError::Syntax.strconv("ParseFloat", number))?;
    if size < 0.0 {
        return Err(invalid());
    }
    let multiplier = multiplier(suffix).ok_or_else(|| format!("invalid suffix: '{suffix}'"))?;
    // A size beyond i64 saturates; the kernel has the last word on it.
    #[expect(clippy::cast_possible_truncation, reason = "fractions of a byte are cut off, as Docker does")]
    Ok((size * multiplier) as i64)
}

fn multiplier(suffix: &str) -> Option<f64> {
    const UNITS: [char; 5] = ['k', 'm', 'g', 't', 'p'];
    let suffix = suffix.to_ascii_lowercase();
    let mut letters = suffix.chars();
    let unit = match letters.next() {
        None => return Some(1.0),
        Some('b') => return letters.as_str().is_empty().then_some(1.0),
        Some(letter) => UNITS.iter().position(|unit| *unit == letter)?,
    };
    let power = i32::try_from(unit).ok()? + 1;
    matches!(letters.as_str(), "" | "b" | "ib").then(|| 1024_f64.powi(power))
}

/// A signal, by number or by name in any case, with or without `SIG`. A number is not checked: kill(2) does that.
///
/// # Errors
/// `unknown signal "FOO"`.
pub(super) fn signal(text: &str) -> Result<i32, String> {
    if let Ok(number) = decimal::<i32>(text, "Atoi") {
        return Ok(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let known = SIGNALS.iter().find(|(_, known)| *known == name);
    known.map(|(number, _)| *number).ok_or_else(|| format!("unknown signal {}", quote(text)))
}

/// signal(7), the numbers of x86, arm, riscv and "most other architectures".
#[rustfmt::skip]
const SIGNALS: [(i32, &str); 34] = [
    (1, "HUP"), (2, "INT"), (3, "QUIT"), (4, "ILL"), (5, "TRAP"), (6, "ABRT"), (6, "IOT"), (7, "BUS"), (8, "FPE"),
    (9, "KILL"), (10, "USR1"), (11, "SEGV"), (12, "USR2"), (13, "PIPE"), (14, "ALRM"), (15, "TERM"), (16, "STKFLT"),
    (17, "CHLD"), (17, "CLD"), (18, "CONT"), (19, "STOP"), (20, "TSTP"), (21, "TTIN"), (22, "TTOU"), (23, "URG"),
    (24, "XCPU"), (25, "XFSZ"), (26, "VTALRM"), (27, "PROF"), (28, "WINCH"), (29, "IO"), (29, "POLL"), (30, "PWR"),
    (31, "SYS"),
];

/// `UID[:GID]`, numbers only: names would have to be looked up in files that the container controls.
///
/// # Errors
/// `bad uid: …`, `bad gid: …`.
pub(super) fn user(text: &str) -> Result<(u32, Option<u32>), String> {
    let (uid, gid) = text.split_once(':').map_or((text, None), |(uid, gid)| (uid, Some(gid)));
    let gid = gid.map(|gid| decimal(gid, "Atoi")).transpose().map_err(|error| format!("bad gid: {error}"))?;
    let uid = decimal(uid, "Atoi").map_err(|error| format!("bad uid: {error}"))?;
    Ok((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_those_of_go() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "yes", "no", "on", "tRUE", "2", " true"] {
            assert_eq!(boolean(text), None, "{text}");
        }
        assert_eq!(not_boolean("zz"), r#"strconv.ParseBool: parsing "zz": invalid syntax"#);
    }

    #[test]
    fn integers_may_have_a_sign_a_prefix_and_underscores() {
        for (text, value) in [
            ("0", 0),
            ("42", 42),
            ("-7", -7),
            ("+7", 7),
            ("0x10", 16),
            ("0X1f", 31),
            ("010", 8),
            ("0o17", 15),
            ("0b101", 5),
            ("0x_ff", 255),
            ("1_000", 1000),
            ("0_7", 7),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(integer(text), Ok(value), "{text}");
        }
        for text in [
            "", "-", "abc", "_1", "1_", "1__0", "0x", "0x__f", "0xf_", "08", "1.5", "--1", "+-1", "é", "0é",
            "-0x-1",
        ] {
            assert_eq!(integer(text), Err(NumberError::Syntax), "{text}");
        }
        let huge = "9".repeat(60);
        for text in ["9223372036854775808", "-9223372036854775809", huge.as_str()] {
            assert_eq!(integer(text), Err(NumberError::Range), "{text}");
        }
    }

    #[test]
    fn decimals_are_refused_in_the_words_of_strconv() {
        assert_eq!(decimal::<u64>("18446744073709551615", "ParseUint"), Ok(u64::MAX));
        assert_eq!(decimal::<i64>("-1", "ParseInt"), Ok(-1));
        for (text, message) in [
            ("-1", r#"strconv.ParseUint: parsing "-1": invalid syntax"#),
            ("0x1", r#"strconv.ParseUint: parsing "0x1": invalid syntax"#),
            (
                "18446744073709551616",
                r#"strconv.ParseUint: parsing "18446744073709551616": value out of range"#,
            ),
        ] {
            assert_eq!(decimal::<u64>(text, "ParseUint"), Err(message.to_owned()));
        }
    }

    #[test]
    fn durations_are_those_of_go() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("-0s", 0),
            ("5s", 5_000_000_000),
            ("+1m", 60_000_000_000),
            ("1h2m3s4ms5us6ns", 3_723_004_005_006),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("2µs", 2_000),
            ("0.000000001s", 1),
            ("0s", 0),
            ("-1s", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_nanos(nanoseconds)), "{text}");
        }
        for text in
            ["", "-", "5", "abc", "s", ".s", "1x", "1d", "-1x", "1 s", "1s 2s", "99999999999h", "é", "1é"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("32b", 32),
            ("1k", 1024),
            ("64m", 64 << 20),
            ("64M", 64 << 20),
            ("1g", 1 << 30),
            ("1GB", 1 << 30),
            ("1GiB", 1 << 30),
            ("2tib", 2 << 40),
            ("1p", 1 << 50),
            ("1.5k", 1536),
            ("10 k", 10 << 10),
        ] {
            assert_eq!(ram_in_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn sizes_are_refused_in_the_words_of_docker() {
        for (text, message) in [
            ("", "invalid size: ''"),
            ("bad", "invalid size: 'bad'"),
            ("-1k", "invalid size: '-1k'"),
            ("1x", "invalid suffix: 'x'"),
            ("1kx", "invalid suffix: 'kx'"),
            ("1bb", "invalid suffix: 'bb'"),
            ("1kibi", "invalid suffix: 'kibi'"),
            ("1..2", r#"strconv.ParseFloat: parsing "1..2": invalid syntax"#),
            (" ", r#"strconv.ParseFloat: parsing "": invalid syntax"#),
        ] {
            assert_eq!(ram_in_bytes(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn signals_are_numbers_or_names_in_any_case() {
        for (text, number) in [
            ("9", 9),
            ("-9", -9),
            ("KILL", 9),
            ("SIGKILL", 9),
            ("sigterm", 15),
            ("hup", 1),
            ("Pwr", 30),
            ("64", 64),
        ] {
            assert_eq!(signal(text), Ok(number), "{text}");
        }
        for text in ["FOO", "", "SIG", "SIGSIGKILL", "9x"] {
            assert_eq!(signal(text), Err(format!("unknown signal \"{text}\"")));
        }
    }

    #[test]
    fn users_are_numbers() {
        assert_eq!(user("1000"), Ok((1000, None)));
        assert_eq!(user("1000:0"), Ok((1000, Some(0))));
        assert_eq!(user("a"), Err(r#"bad uid: strconv.Atoi: parsing "a": invalid syntax"#.to_owned()));
        assert_eq!(user("1:b"), Err(r#"bad gid: strconv.Atoi: parsing "b": invalid syntax"#.to_owned()));
        assert_eq!(user("1:"), Err(r#"bad gid: strconv.Atoi: parsing "": invalid syntax"#.to_owned()));
        assert_eq!(user("-1"), Err(r#"bad uid: strconv.Atoi: parsing "-1": value out of range"#.to_owned()));
    }
}
