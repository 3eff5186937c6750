//! Job: the unstructured Kubernetes object, YAML in and out, patches, selectors.
//! Takes → gives: bytes and values → values.
//! May touch: nothing.
//! Never: reads a file, a clock or the environment.
