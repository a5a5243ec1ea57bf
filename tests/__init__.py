"""The tests are a package, so that `import tests` cannot find a package of the same name that a library installs."""
