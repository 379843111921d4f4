pub(crate) const HELP: &str = "";
pub(crate) fn run(_: crate::options::Options) -> anyhow::Result<()> { Ok(()) }
