//! `chattrix openapi` and `chattrix asyncapi`: the API documents as files.

use chattrix::docs;
use clap::Args;

use super::error::CliError;
use super::output;

/// The arguments of `chattrix openapi`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix openapi >openapi.json\n\n\
    A running server serves the document at /api/openapi.json and shows it at /docs.")]
pub struct OpenApi {}

impl OpenApi {
    pub fn run(&self) -> Result<(), CliError> {
        let Self {} = self;
        Ok(output::line(&docs::openapi())?)
    }
}

/// The arguments of `chattrix asyncapi`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    chattrix asyncapi >asyncapi.json\n\n\
    A running server serves the document at /api/asyncapi.json and shows it at /docs.")]
pub struct AsyncApi {}

impl AsyncApi {
    pub fn run(&self) -> Result<(), CliError> {
        let Self {} = self;
        Ok(output::line(docs::ASYNCAPI.trim_end())?)
    }
}
