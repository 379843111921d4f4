/// What the fields of records mean that other people's shippers send: `host.name` is a field of that name, or `name` in a
/// field `host`. Of several names for the same, the first that a record has counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldNames {
    pub hosts: Vec<String>,
    pub paths: Vec<String>,
    pub services: Vec<String>,
    /// What the program wrote.
    pub lines: Vec<String>,
    pub times: Vec<String>,
    /// A record with one of these was taken apart: what is left in its line is not all that the program wrote.
    pub levels: Vec<String>,
    /// Fields that shippers add, and that say nothing about the event.
    pub carriers: Vec<String>,
    /// Fields of records that are lines of their own: kept as they are.
    pub whole: Vec<Vec<String>>,
}

impl FieldNames {
    /// Whether the field tells nothing that is not known already when the record's line is.
    #[must_use]
    pub fn is_carrier(&self, field: &str) -> bool {
        let first = field.split('.').next().unwrap_or(field);
        let named = |names: &Vec<String>| {
            names.iter().any(|name| name == field || name.split('.').next() == Some(field))
        };
        self.carriers.iter().any(|carrier| carrier == field || carrier == first)
            || [&self.hosts, &self.paths, &self.services, &self.lines, &self.times].into_iter().any(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shippers_add_says_nothing() {
        let names = FieldNames {
            hosts: vec!["host.name".to_owned()],
            carriers: vec!["agent".to_owned()],
            ..FieldNames::default()
        };
        let carriers = ["agent", "agent.type", "host", "host.name", "level", "agents"];
        assert_eq!(carriers.map(|field| names.is_carrier(field)), [true, true, true, true, false, false]);
    }
}
