/** The piscina entry that reads messages out of what a span and its log events carry: JSON within JSON, megabytes of it. */
import type { ConversationSource } from '../src/model/conversation.js';
import { conversationOf } from '../src/semconv/conversation.js';

export default function run({ argument }: { operation: 'read'; argument: ConversationSource }) {
  return conversationOf(argument);
}
