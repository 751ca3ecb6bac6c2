//! Tokens in the shape that each identity provider documents, with the settings of docs/identity.md.

use chattrix::auth::{Authenticator, TokenError};
use chattrix::clock::Clock;
use chattrix::settings::{Relation, RequiredClaim, Settings};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{IdentityProvider, SigningKey};

/// Token of a provider, and what the server reads in it.
struct Shape {
    provider: &'static str,
    algorithm: Algorithm,
    claims: Value,
    change: fn(&mut Settings),
    user: &'static str,
    session: &'static str,
    names_session: bool,
    name: Option<&'static str>,
    picture: Option<&'static str>,
}

fn audience(settings: &mut Settings, audience: &str) {
    settings.jwt_audience = vec![audience.to_owned()];
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn customer_identity() -> Vec<Shape> {
    vec![
        Shape {
            provider: "Keycloak, access token",
            algorithm: Algorithm::RS256,
            claims: json!({
                "jti": "onrtac:6b0c9d24", "aud": ["calls", "account"], "typ": "Bearer", "azp": "web",
                "sub": "f4b8f6f4-22a5-4d0f-a9d3-9a27f7d0bb36", "sid": "0e0c6d1f-6d2e-4b2f-8f0e-0f7c9e0a1b2c", "acr": "1",
                "realm_access": { "roles": ["offline_access", "calls-user"] }, "scope": "openid profile email",
                "email_verified": true, "name": "Alice Liddell", "preferred_username": "alice"
            }),
            change: |settings| {
                audience(settings, "calls");
                settings.jwt_required_claims = vec![RequiredClaim {
                    claim: "realm_access.roles".to_owned(),
                    relation: Relation::Contains,
                    value: "calls-user".to_owned(),
                }];
            },
            user: "f4b8f6f4-22a5-4d0f-a9d3-9a27f7d0bb36",
            session: "0e0c6d1f-6d2e-4b2f-8f0e-0f7c9e0a1b2c",
            names_session: true,
            name: Some("Alice Liddell"),
            picture: None,
        },
        Shape {
            provider: "Auth0, access token with a namespaced claim",
            algorithm: Algorithm::RS256,
            claims: json!({
                "sub": "google-oauth2|109876543210", "aud": ["https://calls.example.com", "https://t.eu.auth0.com/userinfo"],
                "azp": "k1", "scope": "openid profile calls", "https://example.com/name": "Alice", "jti": "auth0-jti"
            }),
            change: |settings| {
                audience(settings, "https://calls.example.com");
                settings.name_claim = names(&["https://example.com/name"]);
                settings.jwt_required_claims = vec![RequiredClaim {
                    claim: "scope".to_owned(),
                    relation: Relation::Contains,
                    value: "calls".to_owned(),
                }];
            },
            user: "google-oauth2|109876543210",
            session: "auth0-jti",
            names_session: false,
            name: Some("Alice"),
            picture: None,
        },
        Shape {
            provider: "Firebase, ID token",
            algorithm: Algorithm::RS256,
            claims: json!({
                "name": "Alice", "picture": "https://lh3.googleusercontent.com/a/x=s96-c", "aud": "my-project",
                "auth_time": 1_700_000_000, "user_id": "Xk2", "sub": "Xk2", "email": "a@example.com", "email_verified": true,
                "firebase": { "identities": { "google.com": ["1"] }, "sign_in_provider": "google.com" }
            }),
            change: |settings| {
                audience(settings, "my-project");
                settings.session_id_claim = names(&["auth_time"]);
            },
            user: "Xk2",
            session: "",
            names_session: false,
            name: Some("Alice"),
            picture: Some("https://lh3.googleusercontent.com/a/x=s96-c"),
        },
    ]
}

fn cloud_platforms() -> Vec<Shape> {
    vec![
        Shape {
            provider: "Supabase",
            algorithm: Algorithm::ES256,
            claims: json!({
                "aud": "authenticated", "sub": "7b1d1a2e-0000-4000-8000-1234567890ab", "email": "a@example.com", "phone": "",
                "app_metadata": { "provider": "email" }, "role": "authenticated", "aal": "aal1", "session_id": "c0ffee-1",
                "user_metadata": { "full_name": "Alice L.", "avatar_url": "https://example.com/a.png" }, "is_anonymous": false
            }),
            change: |settings| {
                audience(settings, "authenticated");
                settings.name_claim = names(&["user_metadata.full_name", "email"]);
                settings.avatar_claim = names(&["user_metadata.avatar_url"]);
            },
            user: "7b1d1a2e-0000-4000-8000-1234567890ab",
            session: "c0ffee-1",
            names_session: true,
            name: Some("Alice L."),
            picture: Some("https://example.com/a.png"),
        },
        Shape {
            provider: "Cognito, access token",
            algorithm: Algorithm::RS256,
            claims: json!({
                "sub": "aaaa-bbbb", "device_key": "d", "token_use": "access", "client_id": "client-1", "username": "alice",
                "scope": "aws.cognito.signin.user.admin", "jti": "j", "origin_jti": "o-1", "event_id": "e"
            }),
            change: |settings| {
                settings.name_claim = names(&["username"]);
                settings.jwt_required_claims = vec![
                    RequiredClaim {
                        claim: "client_id".to_owned(),
                        relation: Relation::Equals,
                        value: "client-1".to_owned(),
                    },
                    RequiredClaim {
                        claim: "token_use".to_owned(),
                        relation: Relation::Equals,
                        value: "access".to_owned(),
                    },
                ];
            },
            user: "aaaa-bbbb",
            session: "o-1",
            names_session: true,
            name: Some("alice"),
            picture: None,
        },
        Shape {
            provider: "Entra ID, v2.0 access token",
            algorithm: Algorithm::RS256,
            claims: json!({
                "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3", "aio": "x", "azp": "app", "azpacr": "0", "name": "Alice",
                "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "preferred_username": "alice@contoso.com", "rh": "I",
                "scp": "calls.use", "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "tid": "t", "uti": "u", "ver": "2.0",
                "sid": "entra-sid"
            }),
            change: |settings| {
                audience(settings, "6e74172b-be56-4843-9ff4-e66a39bb12e3");
                settings.user_id_claim = names(&["oid"]);
                settings.jwt_required_claims = vec![RequiredClaim {
                    claim: "scp".to_owned(),
                    relation: Relation::Contains,
                    value: "calls.use".to_owned(),
                }];
            },
            user: "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            session: "entra-sid",
            names_session: true,
            name: Some("Alice"),
            picture: None,
        },
    ]
}

fn self_hosted() -> Vec<Shape> {
    vec![
        Shape {
            provider: "Authentik",
            algorithm: Algorithm::RS256,
            claims: json!({
                "sub": "a3f1c9", "aud": "calls-client", "acr": "goauthentik.io/providers/oauth2/default", "sid": "ak-sid",
                "email": "a@example.com", "email_verified": true, "name": "Alice", "given_name": "Alice",
                "preferred_username": "alice", "nickname": "alice", "groups": ["users"], "azp": "calls-client", "uid": "u"
            }),
            change: |settings| audience(settings, "calls-client"),
            user: "a3f1c9",
            session: "ak-sid",
            names_session: true,
            name: Some("Alice"),
            picture: None,
        },
        Shape {
            provider: "Zitadel, JWT access token",
            algorithm: Algorithm::RS256,
            claims: json!({
                "sub": "163840776835432705", "aud": ["163840776835432345@calls", "69234237810729019"], "jti": "z-jti",
                "urn:zitadel:iam:user:metadata": { "nick": "QWxpY2U" }, "client_id": "163840776835432345@calls"
            }),
            change: |settings| audience(settings, "69234237810729019"),
            user: "163840776835432705",
            session: "z-jti",
            names_session: false,
            name: None,
            picture: None,
        },
    ]
}

#[rocket::async_test]
async fn tokens_of_known_providers_are_read() {
    let shapes = [customer_identity(), cloud_platforms(), self_hosted()];
    for shape in shapes.into_iter().flatten() {
        let provider = shape.provider;
        let key = SigningKey::new("k1", shape.algorithm);
        let published = IdentityProvider::start(&[&key]).await;
        let mut settings = Settings {
            jwt_issuer_url: Some(published.issuer()),
            ..Settings::default()
        };
        (shape.change)(&mut settings);
        let authenticator = Authenticator::from_settings(&settings).expect("usable");
        authenticator.fetch().await.expect("keys");
        let now = Clock::System.now();
        let seconds = now.as_millis() / 1000;
        let mut claims = shape.claims;
        claims["iss"] = json!(published.issuer());
        // As JSON numbers with and without a fraction.
        claims["iat"] = json!(seconds);
        claims["exp"] = json!(f64::from(u32::try_from(seconds + 300).expect("32 bits")) + 0.25);
        let read = authenticator
            .verify(&key.sign(&claims), now)
            .expect(provider);
        assert_eq!(read.user.as_str(), shape.user, "{provider}");
        assert_eq!(read.names_session, shape.names_session, "{provider}");
        if !shape.session.is_empty() {
            assert_eq!(read.session.as_str(), shape.session, "{provider}");
        }
        assert_eq!(read.name.as_deref(), shape.name, "{provider}");
        assert_eq!(read.picture.as_deref(), shape.picture, "{provider}");
        assert_eq!(
            read.issued_at.map(|at| at.as_millis() / 1000),
            Some(seconds),
            "{provider}"
        );
        // Without what the settings require, it is refused.
        for required in &settings.jwt_required_claims {
            let mut without = claims.clone();
            let top = required.claim.split('.').next().expect("a name");
            without.as_object_mut().expect("an object").remove(top);
            let refused = authenticator.verify(&key.sign(&without), now);
            assert_eq!(
                refused,
                Err(TokenError::RequiredClaim(required.to_string())),
                "{provider}"
            );
        }
        if !settings.jwt_audience.is_empty() {
            claims["aud"] = json!("another-application");
            let refused = authenticator.verify(&key.sign(&claims), now);
            assert_eq!(refused, Err(TokenError::WrongAudience), "{provider}");
        }
    }
}
