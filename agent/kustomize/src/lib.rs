//! Job: kustomize build on a tree passed in, and Flux's post-build substitution.
//! Takes → gives: a `Tree` and a path → objects.
//! May touch: nothing.
//! Never: leaves the tree's root; ignores a field it does not know.
