"""A bot in a chat room: everyone has a conversation of their own with it.

The room is the terminal. Each line is a name and a message, such as ``ann: Hello``. In a bot for a
real chat service, `Room.answer` stays as it is. ::

    python examples/chat_room.py
"""

import asyncio
import sys

from chatgpt4online import AsyncClient, AsyncConversation, ChatError


class Room:
    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.chats: dict[str, AsyncConversation] = {}

    async def answer(self, name: str, message: str) -> str:
        chat = self.chats.setdefault(name, self.client.conversation())
        try:
            reply = await chat.generate(message)
        except ChatError as error:  # the conversation is as it was before
            return f"Sorry, {error}"
        return reply.text


async def main() -> None:
    async with AsyncClient(timeout=60) as client:
        room = Room(client)
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, _, message = line.partition(":")
            print(f"bot to {name}:", await room.answer(name, message.strip()), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
