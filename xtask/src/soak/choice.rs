//! What the caller wants of a soak.

use std::time::Duration;

/// Seed, length, and how many containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) seed: u64,
    pub(super) length: Length,
    pub(super) containers: usize,
}

/// How long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Time(Duration),
    Steps(usize),
}

impl Choice {
    /// # Errors
    /// A word is not known, or not a number.
    pub(super) fn read(words: &[String]) -> Result<Self, String> {
        let mut choice = Self { seed: 1, length: Length::Time(Duration::from_secs(3600)), containers: 50 };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let number = || {
                words.clone().next().and_then(|word| word.parse::<u64>().ok()).filter(|number| *number > 0)
            };
            let number = number().ok_or_else(|| format!("{word} wants a number"));
            match word.as_str() {
                "--seed" => choice.seed = number?,
                "--minutes" => choice.length = Length::Time(Duration::from_secs(number? * 60)),
                "--seconds" => choice.length = Length::Time(Duration::from_secs(number?)),
                "--steps" => choice.length = Length::Steps(size(number?)?),
                "--containers" => choice.containers = size(number?)?.min(MOST),
                other => return Err(format!("a soak knows no {other:?}")),
            }
            words.next();
        }
        Ok(choice)
    }

    /// As words again.
    pub(super) fn words(&self) -> Vec<String> {
        let (name, number) = match self.length {
            Length::Time(time) => ("--seconds", time.as_secs()),
            Length::Steps(steps) => ("--steps", steps as u64),
        };
        let (seed, containers) = (self.seed.to_string(), self.containers.to_string());
        let words = ["--seed", &seed, "--containers", &containers, name, &number.to_string()];
        words.map(str::to_owned).to_vec()
    }

    /// Of the time, the share for one of `places`.
    pub(super) fn shared_by(&self, places: usize) -> Self {
        let length = match self.length {
            Length::Time(time) => Length::Time(time / u32::try_from(places.max(1)).unwrap_or(1)),
            steps @ Length::Steps(_) => steps,
        };
        Self { length, ..self.clone() }
    }
}

/// So many addresses the bridge has for containers.
const MOST: usize = 200;

fn size(number: u64) -> Result<usize, String> {
    usize::try_from(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Choice, String> {
        Choice::read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_hour_on_fifty_containers_is_what_nobody_has_to_ask_for() {
        let choice = read(&[]).unwrap();
        assert_eq!((choice.length, choice.containers), (Length::Time(Duration::from_secs(3600)), 50));
        assert_eq!(choice.shared_by(2).length, Length::Time(Duration::from_secs(1800)));
    }

    #[test]
    fn words_say_what_was_read() {
        let choice = read(&["--seed", "9", "--steps", "70", "--containers", "3"]).unwrap();
        assert_eq!(Choice::read(&choice.words()), Ok(choice));
        assert!(read(&["--seed"]).is_err() && read(&["--seed", "x"]).is_err() && read(&["forever"]).is_err());
    }
}
