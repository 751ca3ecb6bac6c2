//! Settings of tokens and of the identity provider: required claims and URLs.

use std::fmt;

use hyper::Uri;

use super::is_here;
use super::layers::Raw;
use super::value::Read;
use super::webhook::has_valid_port;

/// Required claim of a token: `email_verified = true`, or `scope contains calls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredClaim {
    /// Name of the claim, or its path: `realm_access.roles`.
    pub claim: String,
    /// Relation of the claim to the value.
    pub relation: Relation,
    /// Required value.
    pub value: String,
}

/// Relation of a claim to its required value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The claim is the value: a text, a number or a boolean.
    Equals,
    /// The claim is a list with the value, or a text with it as one of its words.
    Contains,
}

impl fmt::Display for RequiredClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relation = match self.relation {
            Relation::Equals => "=",
            Relation::Contains => "contains",
        };
        write!(f, "{} {relation} {}", self.claim, self.value)
    }
}

impl RequiredClaim {
    fn parse(text: &str) -> Option<Self> {
        let (claim, relation, value) = match text.split_once(" contains ") {
            Some((claim, value)) => (claim, Relation::Contains, value),
            // The last one: a claim may be named by a URL with a query.
            None => text
                .rsplit_once('=')
                .map(|(claim, value)| (claim, Relation::Equals, value))?,
        };
        let (claim, value) = (claim.trim().to_owned(), value.trim().to_owned());
        (!claim.is_empty() && !value.is_empty()).then_some(Self {
            claim,
            relation,
            value,
        })
    }
}

pub(super) fn required_claims(raw: &Raw) -> Read<Vec<RequiredClaim>> {
    let items = raw.items().unwrap_or_default();
    let claims = items.into_iter().map(RequiredClaim::parse);
    claims.collect::<Option<_>>().ok_or_else(|| {
        "a list of conditions such as \"email_verified = true\" or \"scope contains calls\""
            .to_owned()
    })
}

/// Reads one name of a claim or a list of them, in the order in which they are tried.
pub(super) fn claims(raw: &Raw) -> Read<Vec<String>> {
    let items = raw.items().unwrap_or_default();
    if items.is_empty() || items.iter().any(|item| item.is_empty()) {
        return Err(
            "the name or path of a claim such as sub or user_metadata.full_name, or a list of them"
                .to_owned(),
        );
    }
    Ok(items.into_iter().map(str::to_owned).collect())
}

/// Reads one text or a list of them; none for an empty list.
pub(super) fn texts(raw: &Raw) -> Read<Vec<String>> {
    let items = raw
        .items()
        .filter(|items| items.iter().all(|item| !item.is_empty()));
    let items = items.ok_or("a text or a list of texts")?;
    Ok(items.into_iter().map(str::to_owned).collect())
}

/// Reads the URL of an identity provider.
pub(super) fn provider_url(raw: &Raw) -> Read<String> {
    let url = raw.as_text().filter(|text| is_provider_url(text));
    url.map(str::to_owned).ok_or_else(|| {
        "a URL such as https://login.example.com: https, or http on this machine (127.0.0.1, ::1, localhost)"
            .to_owned()
    })
}

/// Returns true for a URL whose keys can be trusted: https, or http to this machine.
#[must_use]
pub fn is_provider_url(text: &str) -> bool {
    let Ok(url) = text.parse::<Uri>() else {
        return false;
    };
    let is_address = url.authority().is_some_and(|address| {
        !address.host().is_empty() && !address.as_str().contains('@') && has_valid_port(address)
    });
    let is_secure = match url.scheme_str() {
        Some("https") => true,
        Some("http") => is_here(&url),
        _ => false,
    };
    is_address && is_secure && !text.contains('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_claims_are_equalities_or_memberships() {
        for (text, claim, relation, value) in [
            (
                "email_verified = true",
                "email_verified",
                Relation::Equals,
                "true",
            ),
            ("azp=app", "azp", Relation::Equals, "app"),
            ("scope contains calls", "scope", Relation::Contains, "calls"),
            (
                "https://a.example/x?y=z = 1",
                "https://a.example/x?y=z",
                Relation::Equals,
                "1",
            ),
        ] {
            let parsed = RequiredClaim::parse(text).expect(text);
            assert_eq!(
                (
                    parsed.claim.as_str(),
                    parsed.relation,
                    parsed.value.as_str()
                ),
                (claim, relation, value)
            );
        }
        for bad in ["", "email_verified", "= true", "scope contains "] {
            assert_eq!(RequiredClaim::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn provider_urls_are_https_or_of_this_machine() {
        for good in [
            "https://login.example.com/realms/x/",
            "http://127.0.0.1:8080",
            "http://[::1]:1/a",
            "http://localhost/",
        ] {
            assert!(is_provider_url(good), "{good}");
        }
        for bad in [
            "http://login.example.com",
            "ftp://x",
            "https://",
            "login.example.com",
            "https://a@b",
            "https://a/#b",
            "http://127.0.0.1.evil.example",
        ] {
            assert!(!is_provider_url(bad), "{bad}");
        }
    }
}
