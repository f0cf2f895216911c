//! "Did you mean …?": the known word nearest to an unknown one.

/// The known word nearest to `word`, if any is near enough to have been meant.
pub fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    let best = known
        .iter()
        .map(|&candidate| {
            let other = plain(candidate);
            (strsim::osa_distance(&word, &other), shares_beginning(&word, &other), candidate)
        })
        .min_by_key(|&(distance, begins, _)| (distance, !begins))?;
    let (distance, _, candidate) = best;
    if distance <= 1 + word.chars().count() / 4 {
        return Some(candidate);
    }
    // `timeout` for `service_timeout`, `cap` for `capacity`: one word inside the other.
    let inside = |other: &str| {
        word.chars().count() >= 3 && (other.contains(&word) || word.contains(other) && other.len() >= 3)
    };
    // `retries` for `retry`: far in letters, but alike from the beginning.
    let alike = |other: &str| strsim::jaro_winkler(&word, other) >= 0.87;
    let found = |test: &dyn Fn(&str) -> bool| known.iter().copied().find(|candidate| test(&plain(candidate)));
    found(&inside).or_else(|| found(&alike))
}

fn shares_beginning(a: &str, b: &str) -> bool {
    a.chars().next() == b.chars().next()
}

/// A hint for an unknown word: the nearest known one, or all of them where they are few.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => known_words(known),
    }
}

/// A list of what is known.
pub fn known_words(known: &[&str]) -> String {
    if known.is_empty() {
        return String::from("none is declared");
    }
    const SHOWN: usize = 24;
    let shown: Vec<String> = known.iter().take(SHOWN).map(|word| format!("`{word}`")).collect();
    let more = if known.len() > SHOWN { ", …" } else { "" };
    format!("known: {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found() {
        let known = ["slots", "instances", "service_timeout", "queue_capacity", "retry"];
        let rows = [
            ("slot", "slots"),
            ("slost", "slots"),
            ("service-timeout", "service_timeout"),
            ("timeout", "service_timeout"),
            ("retries", "retry"),
            ("Capacity", "queue_capacity"),
        ];
        for (word, meant) in rows {
            assert_eq!(nearest(word, &known), Some(meant), "{word}");
        }
        assert_eq!(nearest("colour", &known), None);
        assert!(suggestion("colour", &known).starts_with("known: `slots`"));
        assert_eq!(suggestion("x", &[]), "none is declared");
    }
}
