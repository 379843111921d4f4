use std::path::{Path, PathBuf};

use crate::args::{Agent, CheckConfig, Globals, Up};
use crate::config::{Config, USUAL_PLACE};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{engine, json, live, render};

pub(super) fn run(check: &CheckConfig, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let named = check.file.as_deref().or(globals.config.as_deref());
    let file = named.unwrap_or(Path::new(USUAL_PLACE));
    let config = Config::read(file)?;
    let filters = globals.filters.as_deref().or(config.filters.as_deref());
    let knowledge = engine::knowledge(filters)?;
    let up = Up::default();
    let options = live::options(&up, &config, Path::new(""))?;
    let sources = live::sources(&up.hear, &config, &knowledge, &Default::default())?;
    if config.agent.to.is_some() {
        live::agent(&Agent::default(), &config, PathBuf::new())?;
    }
    if console.json {
        console.answer(&json::config(file, &options, &sources)?)?;
    } else {
        console.answer(&render::config::sound(file, &options, &sources, console.layout))?;
    }
    live::warnings(&sources).iter().for_each(|warning| console.warn(warning));
    Ok(Exit::Answered)
}
