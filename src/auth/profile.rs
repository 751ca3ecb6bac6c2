//! What may be shown of a user, whoever says it: a token, or an administrator.

/// Whether `text` can be a user's name: 1–200 characters, none of them a control character, and
/// something to see.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=200).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        && !text.trim().is_empty()
}

/// Whether `text` can be the address of a user's picture: `http` or `https`, with a host, up to
/// 2000 characters and none of them a space or a control character.
#[must_use]
pub fn is_avatar(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    text.chars().count() <= 2_000
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_1_to_200_characters_that_can_be_shown() {
        for good in ["A", "Zoë Ω", "山田太郎", &"é".repeat(200)] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in ["", "  ", "a\nb", "\u{1b}[31mred", "nul\0", &"é".repeat(201)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn avatars_are_web_addresses_of_up_to_2000_characters() {
        let longest = format!("https://a/{}", "x".repeat(1_990));
        for good in [
            "https://example.com/a.png",
            "http://localhost:3000/a?b=c",
            &longest,
        ] {
            assert!(is_avatar(good), "{good:?}");
        }
        let too_long = format!("{longest}x");
        for bad in [
            "",
            "https://",
            "https:///a",
            "ftp://a/b",
            "javascript:alert(1)",
            &too_long,
        ] {
            assert!(!is_avatar(bad), "{bad:?}");
        }
        assert!(!is_avatar("https://example.com/a b"));
    }
}
