"""Where production serves static files from."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Name files by their content, also in the imports of JavaScript modules.

    Browsers keep such files for ever, so a module imported by its plain name would stay the old one
    after an upgrade.
    """

    support_js_module_import_aggregation = True
    # Each pass carries a changed name one import further; the longest chain has some ten imports.
    max_post_process_passes = 20
