"""A program that asks for files, and applications that have some."""

from portal.applications.models import Application, ApplicationDocument
from portal.kit.uploads.cleaning import ENDINGS
from portal.programs.documents import preset
from portal.programs.models import ProgramVersion
from tests.factories.applications import (
    ApplicationDocumentFactory,
    ApplicationFactory,
    version_with_join,
)

FILES_STEP = "papers"


def with_files(
    *, required: bool = False, max_files: int | None = None, **join: object
) -> ProgramVersion:
    """Return a version of the preset that asks for papers in a step of its own."""
    steps = preset("hubspot-solutions-partner").model_dump(mode="json")["join"]["steps"]
    step = {
        "key": FILES_STEP,
        "title": "Your papers",
        "questions": [
            {
                "key": "proof",
                "label": "Show that your company is registered",
                "kind": "file",
                "required": required,
                "max_files": max_files,
            },
            {
                "key": "remarks",
                "label": "Is there anything to say about it?",
                "kind": "long_text",
                "required": False,
            },
        ],
    }
    return version_with_join(steps=[*steps, step], **join)


def applied_with_file(media_type: str) -> tuple[Application, ApplicationDocument]:
    """Return a sent application with one document."""
    application = ApplicationFactory.create(version=with_files())
    document = ApplicationDocumentFactory.create(
        application=application,
        media_type=media_type,
        name=f"register.{ENDINGS[media_type]}",
    )
    application.answers = application.answers | {"proof": [document.public_id]}
    return application, document
