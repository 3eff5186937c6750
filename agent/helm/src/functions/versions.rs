//! `semver` and `semverCompare`.

use std::rc::Rc;

use crate::fault::Fault;
use crate::functions::arguments::string;
use crate::functions::{Function, Parameter};
use crate::semver::{Constraint, Version};
use crate::value::Value;

use Parameter::Text;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[Text], |_, a| {
        let version = Version::parse(&string(a, 0)?);
        let version = version.map_err(|error| Fault::new(error.to_string()))?;
        Ok(Value::Version(Rc::new(version)))
    }),
    Function::new("semverCompare", &[Text, Text], |_, a| {
        let constraint = Constraint::parse(&string(a, 0)?);
        let constraint = constraint.map_err(|error| Fault::new(error.to_string()))?;
        let version = Version::parse(&string(a, 1)?);
        let version = version.map_err(|error| Fault::new(error.to_string()))?;
        Ok(Value::Bool(constraint.allows(&version)))
    }),
];
