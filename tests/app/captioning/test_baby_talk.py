import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.captioning.baby_talk import SURE, Said, baby_talk
from app.captioning.grounding import Box, Region, template
from app.captioning.objects import objects

GREY, BROWN, RED, BLUE, BLACK = (
    (135, 135, 135),
    (125, 75, 40),
    (215, 30, 35),
    (30, 70, 190),
    (9,) * 3,
)
LEFT, MIDDLE, RIGHT = (
    Box(0.05, 0.4, 0.25, 0.8),
    Box(0.4, 0.4, 0.6, 0.8),
    Box(0.75, 0.4, 0.95, 0.8),
)


def told(regions: list[Region], photo: np.ndarray, language: str) -> Said | None:
    return baby_talk(regions, photo, [language])[language]


def painted(*patches, size=(80, 120), background=GREY):
    """A photo with boxes painted on it: (box, RGB)."""
    photo = np.full((*size, 3), background, np.uint8)
    for box, colour in patches:
        rows = slice(round(box.top * size[0]), round(box.bottom * size[0]))
        photo[rows, round(box.left * size[1]) : round(box.right * size[1])] = colour
    return photo


def seen(name, box, score=0.9):
    return Region(Box(*box), name, score)


def say(*regions, photo=None, language="en"):
    said = told(regions, painted() if photo is None else photo, language)
    return said and said.text


def nouns(said: Said):
    return [(said.text[slot.start : slot.end], slot.region) for slot in said.slots]


# Whole sentences


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        (
            "en",
            "This photo shows two people and a brown dog. The dog is to the left of the people.",
            [("people", 1), ("dog", 0), ("dog", 0), ("people", 1)],
        ),
        (
            "zh",
            "照片里有两个人和一只棕色的狗，狗在人的左边。",
            [("人", 1), ("狗", 0), ("狗", 0), ("人", 1)],
        ),
    ],
)
def test_objects_their_number_colour_and_relation_are_said_and_grounded(language, text, found):
    regions = [
        seen("dog", LEFT),
        seen("person", (0.6, 0.1, 0.95, 1)),
        seen("person", (0.4, 0.3, 0.55, 0.9)),
    ]
    said = told(regions, painted((LEFT, BROWN)), language)
    assert said.text == text
    assert nouns(said) == found


def test_its_template_leaves_the_nouns_open():
    said = told([seen("dog", LEFT), seen("cat", RIGHT, 0.8)], painted(), "en")
    assert template(said.text, said.slots) == (
        "This photo shows a <region-0> and a <region-1>. "
        "The <region-1> is to the right of the <region-0>."
    )


@given(
    st.lists(
        st.builds(
            Region,
            st.builds(Box, *[st.floats(allow_nan=True, allow_infinity=True, width=32)] * 4)
            | st.builds(Box, *[st.floats(-0.5, 1.5)] * 4),
            st.sampled_from([*objects(), "unicorn"]),
            st.floats(0, 1),
        ),
        max_size=12,
    ),
    st.sampled_from(["en", "zh"]),
)
def test_whatever_was_detected_every_slot_is_the_noun_of_its_region(regions, language):
    said = told(regions, painted((LEFT, BROWN), (RIGHT, RED)), language)
    for slot in said.slots if said else ():
        region = regions[slot.region]
        known = objects()[region.name]
        assert region.score >= SURE
        names = (known.name, known.plural) if language == "en" else (known.zh,)
        assert said.text[slot.start : slot.end] in names
    if said:
        assert said.text.endswith("." if language == "en" else "。")


# What is passed over


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "region",
    [
        seen("dog", LEFT, SURE - 0.01),
        seen("dog", LEFT, math.nan),
        seen("unicorn", LEFT),
        seen("dog", (0.5, 0.2, 0.5, 0.8)),
        seen("dog", (0.2, 1, 0.8, 1)),
        seen("dog", (0.8, 0.2, 0.3, 0.8)),
        seen("dog", (1.1, 0.2, 1.4, 0.8)),
        seen("dog", (math.nan, 0.2, 0.4, 0.8)),
    ],
)
def test_nothing_is_said_of_what_is_unsure_unknown_or_has_no_area(region, language):
    assert told([region], painted(), language) is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_is_said_where_nothing_was_detected(language):
    assert told([], painted(), language) is None


def test_no_more_than_four_classes_are_named_the_most_prominent_first():
    regions = [
        seen(name, (0.1, 0.1, 0.1 + size, 0.9))
        for name, size in [("cup", 0.1), ("dog", 0.5), ("cat", 0.3), ("chair", 0.2), ("book", 0.6)]
    ]
    said = told(regions, painted(), "zh")
    assert said.text == "照片里有一本书、一只狗、一只猫和一把椅子。"


def test_an_unsure_object_is_less_prominent_than_a_sure_one_of_its_size():
    assert say(seen("dog", LEFT, 0.6), seen("cat", RIGHT, 0.9)).startswith(
        "This photo shows a cat and a dog."
    )


# Numbers and nouns


@pytest.mark.parametrize(
    ("name", "number", "english", "chinese"),
    [
        ("dog", 2, "two dogs", "两只狗"),
        ("sheep", 3, "three sheep", "三只羊"),
        ("person", 4, "four people", "四个人"),
        ("person", 5, "many people", "很多人"),
        ("knife", 8, "many knives", "很多刀"),
        ("skis", 2, "two pairs of skis", "两副滑雪板"),
        ("broccoli", 2, "two pieces of broccoli", "两棵西兰花"),
    ],
)
def test_objects_of_a_class_are_counted(name, number, english, chinese):
    regions = [seen(name, (i / 10, 0.2, i / 10 + 0.08, 0.8)) for i in range(number)]
    assert say(*regions) == f"This photo shows {english}."
    assert say(*regions, language="zh") == f"照片里有{chinese}。"


@pytest.mark.parametrize(
    ("name", "english"),
    [
        ("elephant", "an elephant"),
        ("umbrella", "an umbrella"),
        ("airplane", "an airplane"),
        ("horse", "a horse"),
        ("scissors", "a pair of scissors"),
    ],
)
def test_english_has_the_right_article(name, english):
    assert say(seen(name, MIDDLE)) == f"This photo shows {english} in the middle."


def test_the_article_suits_the_colour_that_follows():
    assert "an orange car " in say(seen("car", LEFT), photo=painted((LEFT, (245, 130, 20))))
    assert "a red umbrella " in say(seen("umbrella", LEFT), photo=painted((LEFT, RED)))


# Colours


@pytest.mark.parametrize(
    ("rgb", "english", "chinese"),
    [
        ((0, 0, 0), "black", "黑色"),
        ((255, 255, 255), "white", "白色"),
        ((200, 10, 20), "red", "红色"),
        ((250, 120, 0), "orange", "橙色"),
        ((250, 230, 40), "yellow", "黄色"),
        ((30, 140, 40), "green", "绿色"),
        ((20, 60, 200), "blue", "蓝色"),
        ((110, 40, 140), "purple", "紫色"),
        ((250, 150, 190), "pink", "粉色"),
        ((115, 70, 40), "brown", "棕色"),
    ],
)
def test_an_object_has_the_colour_of_its_pixels(rgb, english, chinese):
    photo = painted((LEFT, rgb))
    assert f" {english} car on the left." in say(seen("car", LEFT), photo=photo)
    said = say(seen("car", LEFT), photo=photo, language="zh")
    assert said == f"照片左边有一辆{chinese}的汽车。"


def test_grey_is_a_colour_too():
    photo = painted((LEFT, GREY), background=BLUE)
    assert say(seen("car", LEFT), photo=photo) == "This photo shows a grey car on the left."


def test_the_colour_is_of_the_object_not_of_the_corners_of_its_box():
    inner = Box(0.08, 0.45, 0.22, 0.75)
    photo = painted((LEFT, BLUE), (inner, RED))
    assert "a red car" in say(seen("car", LEFT), photo=photo)


@pytest.mark.parametrize("name", ["person", "zebra", "tv"])
def test_some_have_no_colour(name):
    photo = painted((LEFT, BLACK))
    assert "black" not in say(seen(name, LEFT), photo=photo)
    assert "black" in say(seen("dog", LEFT), photo=photo)


def test_an_object_of_several_colours_has_none():
    left_half = Box(0.05, 0.4, 0.15, 0.8)
    photo = painted((LEFT, BLUE), (left_half, RED))
    assert say(seen("car", LEFT), photo=photo) == "This photo shows a car on the left."


def test_a_colour_that_is_all_around_may_not_be_the_object_s():
    photo = painted(background=(50, 150, 50))
    assert say(seen("bicycle", LEFT), photo=photo) == "This photo shows a bicycle on the left."


def test_an_object_that_fills_the_photo_has_its_colour():
    photo = painted(background=RED)
    assert say(seen("bus", (0, 0, 1, 1)), photo=photo) == "This photo shows a red bus."


def test_several_objects_have_a_colour_if_it_is_the_same():
    dogs = [seen("dog", LEFT), seen("dog", RIGHT)]
    same = painted((LEFT, BROWN), (RIGHT, BROWN))
    assert say(*dogs, photo=same) == "This photo shows two brown dogs."
    assert say(*dogs, photo=same, language="zh") == "照片里有两只棕色的狗。"
    different = painted((LEFT, BROWN), (RIGHT, BLACK))
    assert say(*dogs, photo=different) == "This photo shows two dogs."


def test_an_orange_is_not_called_orange():
    photo = painted((LEFT, (245, 130, 20)))
    assert say(seen("orange", LEFT), photo=photo) == "This photo shows an orange on the left."


# Where things are


@pytest.mark.parametrize(
    ("box", "english", "chinese"),
    [
        (LEFT, " on the left", "左边"),
        (MIDDLE, " in the middle", "中间"),
        (RIGHT, " on the right", "右边"),
        ((0.8, 0.8, 1, 1), " on the right", "右边"),
        ((0.1, 0.1, 0.95, 0.9), "", "里"),
    ],
)
def test_a_single_object_is_somewhere(box, english, chinese):
    assert say(seen("dog", box)) == f"This photo shows a dog{english}."
    assert say(seen("dog", box), language="zh") == f"照片{chinese}有一只狗。"


@pytest.mark.parametrize(
    ("dog", "english", "chinese"),
    [
        ((0.05, 0.5, 0.3, 0.7), "to the left of", "的左边"),
        ((0.7, 0.5, 0.95, 0.7), "to the right of", "的右边"),
        ((0.45, 0.05, 0.55, 0.3), "above", "的上方"),
        ((0.45, 0.8, 0.55, 0.95), "below", "的下方"),
        # It reaches a little over the edge.
        ((0.05, 0.5, 0.41, 0.7), "to the left of", "的左边"),
        ((0.2, 0.5, 0.46, 0.7), "next to", "旁边"),
    ],
)
def test_the_second_object_lies_to_the_first(dog, english, chinese):
    regions = [seen("car", (0.4, 0.35, 0.6, 0.75)), seen("dog", dog, 0.5)]
    said = say(*regions)
    assert said == f"This photo shows a car and a dog. The dog is {english} the car."
    said = say(*regions, language="zh")
    assert said == f"照片里有一辆汽车和一只狗，狗在汽车{chinese}。"


def test_which_direction_is_larger_depends_on_the_shape_of_the_photo():
    """Of two shares as large, that of the longer side is farther."""
    regions = [seen("car", (0.1, 0.1, 0.4, 0.4)), seen("dog", (0.6, 0.6, 0.8, 0.8))]
    assert "to the right of" in say(*regions, photo=painted(size=(60, 120)))
    assert "below" in say(*regions, photo=painted(size=(120, 60)))


@pytest.mark.parametrize(
    "cake",
    [
        (0.4, 0.4, 0.6, 0.6),
        # Its upper part reaches over the edge.
        (0.4, 0.26, 0.6, 0.56),
        # It crosses the table, though most of both is elsewhere.
        (0.48, 0.0, 0.52, 1.0),
    ],
)
def test_objects_that_overlap_are_with_each_other(cake):
    regions = [seen("dining table", (0.1, 0.38, 0.9, 0.62)), seen("cake", cake)]
    assert say(*regions) == "This photo shows a dining table with a cake."
    assert say(*regions, language="zh") == "照片里有一张餐桌和一个蛋糕。"


def test_others_are_named_after_those_that_overlap():
    said = say(
        seen("dining table", (0.1, 0.3, 0.9, 0.7)),
        seen("cake", (0.3, 0.3, 0.6, 0.7)),
        seen("cup", (0, 0, 0.2, 0.2)),
        seen("fork", (0.9, 0.9, 1, 1)),
    )
    assert said == "This photo shows a dining table with a cake, as well as a cup and a fork."


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("skis", "The skis are above the person."), ("tie", "The tie is above the person.")],
)
def test_the_verb_agrees_with_what_it_speaks_of(name, sentence):
    said = say(seen("person", (0.3, 0.4, 0.7, 1)), seen(name, (0.4, 0, 0.6, 0.2)))
    assert said.endswith(sentence)


# Odd photos and calls


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_the_smallest_photos_are_described(size):
    just_inside = (1 - 1e-16 * 2, 1 - 1e-16 * 2, 1, 1)
    assert say(seen("dog", just_inside), photo=painted(size=size)).endswith("on the right.")
    assert (
        say(seen("dog", (0, 0, 1, 1)), photo=painted(size=size)) == "This photo shows a grey dog."
    )


def test_a_box_that_reaches_out_of_the_photo_is_cut_off_at_its_border():
    photo = painted((Box(0, 0.2, 0.3, 0.8), RED))
    assert say(seen("car", (-0.5, 0.2, 0.3, 0.8)), photo=photo) == (
        "This photo shows a red car on the left."
    )


def test_the_photo_is_left_as_it_was():
    photo = painted((LEFT, RED))
    before = photo.copy()
    say(seen("car", LEFT), photo=photo)
    assert np.array_equal(photo, before)


def test_it_says_the_same_again():
    regions = [seen("dog", LEFT), seen("cat", RIGHT), seen("cup", MIDDLE)]
    assert len({say(*regions) for _ in range(3)}) == 1


def test_another_language_is_refused():
    with pytest.raises(KeyError):
        told([seen("dog", LEFT)], painted(), "fr")
