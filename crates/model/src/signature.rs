/// A message that somebody knows, and what it means. Written in `filters/`, never in code.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Signature {
    /// `neutron.ip_exhausted`
    pub slug: String,
    pub role: Role,
    pub scope: Scope,
    /// How close to the root: 0 is what the user sees, 100 is where things broke. The more, the better a cause.
    pub depth: u8,
    /// One line: what happened.
    pub title: String,
    /// Why it happens.
    pub explain: String,
    /// What to do, with commands to type; `{name}` stands for a capture.
    pub remedy: String,
    /// For a wrapper that stands alone: which log at which level would have held the cause.
    pub look_in: String,
    /// Deeper causes that this message hides: slugs (`compute.libvirt_down`), families of slugs (`database.*`) or
    /// programs (`@neutron-linuxbridge-agent`). One that stands near is the cause instead.
    pub explained_by: Vec<String>,
    /// What a stage tells of the request's course.
    pub mark: Option<Mark>,
    /// For stages: the action that it belongs to (`boot`, `resize`, `live-migration`).
    pub action: Option<String>,
}

impl Signature {
    /// A cause or a symptom: what failures are counted by.
    #[must_use]
    pub const fn tells_failure(&self) -> bool {
        matches!(self.role, Role::Cause | Role::Symptom)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Role {
    /// Names what broke.
    #[default]
    Cause,
    /// Says that something inside failed; hides the cause. Never the answer.
    Wrapper,
    /// A later effect of a failure.
    Symptom,
    /// A step of a healthy course.
    Stage,
    /// Healthy systems print it too.
    Noise,
}

/// How far a cause reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// The request that logged it.
    #[default]
    Request,
    /// Everything on its host: libvirt, an agent, a full disk.
    Host,
    /// The whole cloud: broker, database, keystone.
    Cloud,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// The request was taken in.
    Started,
    /// It moved on.
    Progress,
    /// A try on one host began.
    Attempted,
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed,
    /// One try ended badly; another may follow.
    AttemptFailed,
}

impl Mark {
    /// Whether a line with this mark shows its request to be worth judging.
    #[must_use]
    pub const fn opens(self) -> bool {
        matches!(self, Self::Failed | Self::AttemptFailed | Self::Started | Self::Attempted)
    }
}
