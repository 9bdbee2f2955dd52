//! What `centers.yaml` says once it is checked: maintenance centers, and what leads to which.

use super::Coordinates;
use super::hours::Hours;
use super::model::Origin;
use serde::{Deserialize, Serialize};

/// `centers.yaml`. Names of places are compared without regard to case.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Centers {
    pub centers: Vec<Center>,
    pub buildings: Vec<Building>,
    pub regions: Vec<Served>,
    /// Globs over intermediate servers; the first that fits serves.
    pub servers: Vec<Served>,
    /// Globs over packages; the first that fits serves.
    pub packages: Vec<Served>,
    /// Failure types.
    pub failures: Vec<Served>,
    /// The center of the network itself.
    pub network: Option<Served>,
    /// In which order the ways to a center are tried.
    pub order: Vec<Way>,
    /// Center id; mandatory.
    pub default: String,
    pub origin: Origin,
}

/// By what a center is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    Building,
    Region,
    Server,
    Package,
    Failure,
}

impl Way {
    pub const ALL: [Way; 5] = [Way::Building, Way::Region, Way::Server, Way::Package, Way::Failure];

    /// As in YAML.
    pub fn word(self) -> &'static str {
        match self {
            Way::Building => "building",
            Way::Region => "region",
            Way::Server => "server",
            Way::Package => "package",
            Way::Failure => "failure",
        }
    }
}

/// A name or glob, and the center that serves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    pub what: String,
    /// Center id.
    pub center: String,
    pub origin: Origin,
}

/// A building: who serves it, or where help is near.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Building {
    pub name: String,
    /// Center id; None: it has no service staff of its own.
    pub center: Option<String>,
    /// Recipients of its tickets instead of the center's: its own queue.
    pub mail: Vec<String>,
    /// Neighbours, nearest first.
    pub near: Vec<String>,
    pub coordinates: Option<Coordinates>,
    pub origin: Origin,
}

/// A maintenance center.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Center {
    pub id: String,
    pub name: String,
    /// Recipients of its tickets.
    pub mail: Vec<String>,
    pub telephone: Option<String>,
    pub owner: Option<String>,
    /// A human's address for Reply-To.
    pub reply_to: Option<String>,
    /// IANA zone in which times are shown, and in which its hours are meant.
    pub zone: String,
    /// Language of its tickets (BCP 47): `de`, `pt-BR`.
    #[serde(default)]
    pub language: Option<String>,
    /// When it is open; None: always.
    #[serde(default)]
    pub hours: Option<Hours>,
    /// Id of the center that takes its tickets outside its hours.
    #[serde(default)]
    pub duty: Option<String>,
    pub origin: Origin,
}

impl Centers {
    /// The center of this id.
    pub fn center(&self, id: &str) -> Option<&Center> {
        self.centers.iter().find(|center| center.id == id)
    }

    /// The building of this name, case ignored.
    pub fn building(&self, name: &str) -> Option<&Building> {
        let name = folded(name);
        self.buildings.iter().find(|building| folded(&building.name) == name)
    }
}

/// A place's name as it is compared.
pub(super) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}
