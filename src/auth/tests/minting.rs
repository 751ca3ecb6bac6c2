//! Minting of tokens.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::{MintError, TokenError};
use super::{authenticator, now, with_public_key, with_secret};
use crate::settings::Settings;
use crate::user::UserId;

#[test]
fn a_minted_token_is_accepted_until_its_time_is_over() {
    let settings = Settings {
        jwt_issuer: Some("me".to_owned()),
        jwt_audience: vec!["you".to_owned()],
        ..with_secret()
    };
    let authenticator = authenticator(&settings);
    let alice = UserId::parse("alice").expect("an id");
    let mint = || {
        authenticator
            .mint(&alice, Duration::from_hours(1), now())
            .expect("mints")
    };
    let token = mint();
    let claims = authenticator
        .verify(token.expose_secret(), now())
        .expect("good");
    assert_eq!(claims.user, alice);
    assert_eq!(claims.expires_at, now().plus(Duration::from_hours(1)));
    let another = authenticator
        .verify(mint().expose_secret(), now())
        .expect("good");
    assert_ne!(claims.session, another.session);
    let later = now().plus(Duration::from_secs(3_630));
    assert_eq!(
        authenticator.verify(token.expose_secret(), later),
        Err(TokenError::Expired)
    );
}

#[test]
fn a_public_key_mints_nothing() {
    let authenticator = authenticator(&with_public_key("es256-public.pem"));
    let alice = UserId::parse("alice").expect("an id");
    let result = authenticator.mint(&alice, Duration::from_hours(1), now());
    assert!(matches!(result, Err(MintError::OnlyPublicKey)));
}
