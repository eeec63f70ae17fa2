//! The models that Hob knows by name: ladders for a small board, with where to get them.
//!
//! The list is `catalogue.toml`, built in; [`Catalogue::parse`] reads another one of the same form.
//! Deliberately absent: fetching (`pull`), and unpacking wheels (`scripts/` does that).

use crate::checksum::Checksum;
use serde::Deserialize;

const BUILT_IN: &str = include_str!("../catalogue.toml");

/// A list of models.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The models, the smallest first.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// One model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name on the shelf.
    pub name: String,
    /// SPDX name of its licence, or the licence's own name.
    pub licence: String,
    /// Where a licence that SPDX does not know can be read.
    pub licence_url: Option<String>,
    /// What it is good for, in a line or two.
    pub about: String,
    /// Whether it is what an empty shelf gets.
    #[serde(default)]
    pub default: bool,
    /// Its levels, the smallest first.
    #[serde(rename = "level")]
    pub levels: Vec<Offer>,
}

/// One level of a model that can be got.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Quantization level, as llama.cpp spells it.
    pub level: String,
    /// Size of the file, about.
    pub bytes: u64,
    /// The sum that the file must have.
    pub sha256: Option<Checksum>,
    /// How well the coordinates are known.
    pub checked: Checked,
    /// Where it is.
    pub from: Origin,
}

/// How the coordinates of a file were verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Checked {
    /// The file itself was fetched.
    #[serde(rename = "here")]
    Here,
    /// The hub's page shows it.
    #[serde(rename = "hub page")]
    HubPage,
    /// Public projects name it.
    #[serde(rename = "cited")]
    Cited,
    /// Not at all.
    #[serde(rename = "unchecked")]
    Unchecked,
}

/// Where a file is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Origin {
    /// On the Hugging Face hub or one that speaks like it.
    Hub {
        /// Owner and name.
        repo: String,
        /// Path in the repository.
        file: String,
        /// Commit, branch or tag; `main` if it is not said.
        revision: Option<String>,
    },
    /// In a wheel on the Python package index.
    Wheel {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// Sum of the wheel.
        sha256: Checksum,
        /// Path in the wheel.
        member: String,
    },
}

impl Catalogue {
    /// The list that Hob ships.
    ///
    /// # Errors
    ///
    /// Never, by a test; the type is what [`Catalogue::parse`] has.
    pub fn built_in() -> Result<Self, toml::de::Error> {
        Self::parse(BUILT_IN)
    }

    /// Reads a list.
    ///
    /// # Errors
    ///
    /// The line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The model of this name, whatever the case.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name.eq_ignore_ascii_case(name))
    }

    /// What an empty shelf gets.
    #[must_use]
    pub fn default_model(&self) -> Option<&Model> {
        self.models.iter().find(|model| model.default)
    }
}

impl Model {
    /// The level of this name, whatever the case.
    #[must_use]
    pub fn level(&self, name: &str) -> Option<&Offer> {
        self.levels.iter().find(|offer| offer.level.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::level_number;
    use crate::pull::Want;
    use std::collections::BTreeSet;

    #[test]
    fn the_built_in_list_is_sound() {
        let catalogue = Catalogue::built_in().unwrap();
        let mut names = BTreeSet::new();
        let mut files = BTreeSet::new();
        for model in &catalogue.models {
            assert!(names.insert(model.name.to_lowercase()), "{} stands there twice", model.name);
            assert!(!model.licence.is_empty() && !model.about.is_empty(), "{}", model.name);
            let spdx = ["Apache-2.0", "MIT"].contains(&model.licence.as_str());
            assert!(spdx || model.licence_url.as_deref().is_some_and(|url| url.starts_with("https://")), "{}", model.name);
            let mut sizes: Vec<u64> = model.levels.iter().map(|offer| offer.bytes).collect();
            assert!(sizes.is_sorted() && sizes[0] > 50_000_000 && sizes[sizes.len() - 1] < 2_000_000_000, "{}", model.name);
            sizes.dedup();
            assert_eq!(sizes.len(), model.levels.len());
            for offer in &model.levels {
                assert!(level_number(&offer.level).is_some(), "{} {}", model.name, offer.level);
                match &offer.from {
                    Origin::Hub { repo, file, .. } => {
                        assert!(files.insert(file.clone()), "{file}");
                        let want = Want::of(model, offer).unwrap().unwrap();
                        assert_eq!((&want.repo, &want.file), (repo, file));
                    }
                    Origin::Wheel { member, .. } => {
                        assert!(member.ends_with(&format!("{}.gguf", offer.level)) && offer.sha256.is_some());
                        assert!(Want::of(model, offer).is_none(), "a wheel is not pulled");
                    }
                }
            }
        }
        assert_eq!(catalogue.models.iter().filter(|model| model.default).count(), 1);
        assert_eq!(catalogue.default_model().unwrap().levels[0].checked, Checked::Here);
        assert!(catalogue.model("qwen2.5-0.5b-instruct").unwrap().level("q4_0").is_some());
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_it() {
        let error = Catalogue::parse("[[model]]\nname = 'x'\nlicense = 'MIT'\nabout = ''\nlevel = []").unwrap_err().to_string();
        assert!(error.contains("license"), "{error}");
    }
}
