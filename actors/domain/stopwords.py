"""Words that say nothing about what a question is about; left out where content is compared."""

from actors.domain.text import words

_RUSSIAN = """
а без более бы был была были было быть в вам вами вас ваш ваша ваше ваши во вообще вот все всего всех вы где да
делаете делать день для до добрый его ее если есть еще же за зачем здесь здравствуйте и из или им их к как какая какие
какого какое какой какую ко когда кого кто куда ли либо между меня мне много могу мое может можно мои мой моя мы на
надо нам нас наш не нет ни но ну нужен нужна нужно нужны о об однако он она они оно от откуда очень по под подскажите
пожалуйста почему при привет про с сам свой себе себя сейчас скажите сколько со так такой там те тебе тебя то того
тоже той только том тот ты у уже хотел хотела хотелось хочу чего чем что чтобы эта эти это этот я
"""
_ENGLISH = """
a about am an and any are as at be been but by can could did do does dont for from get had has have hello hi how hows
i id if ill im in into is it its ive just like long many me much my need no not of on or our please s should so some t
take tell than that thats the their them there these they this to up us want was we were what whats when where which
who why will with would you your yours
"""

STOP_STEMS = frozenset(words(_RUSSIAN).stems) | frozenset(words(_ENGLISH).stems)
